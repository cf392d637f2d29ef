package platform

func defaultDirs(name string) Dirs {
	dir := "/Library/Application Support/" + name
	return Dirs{State: dir, Config: dir}
}
