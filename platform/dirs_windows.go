package platform

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

func defaultDirs(name string) Dirs {
	base, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		base = `C:\ProgramData`
	}
	dir := filepath.Join(base, name)
	return Dirs{State: dir, Config: dir}
}
