package fields

import "os"

func servicesFile() string { return os.Getenv("SystemRoot") + `\System32\drivers\etc\services` }
