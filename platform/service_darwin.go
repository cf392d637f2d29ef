package platform

import "os"

// service: a terminal's processes have the name "0".
func service() bool { name := os.Getenv("XPC_SERVICE_NAME"); return name != "" && name != "0" }
