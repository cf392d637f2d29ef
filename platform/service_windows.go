package platform

import "golang.org/x/sys/windows"

func service() bool {
	var session uint32
	err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session)
	return err == nil && session == 0
}
