package platform

// Service tells whether a service manager started this process: nobody reads what it prints, and it is started again when it
// ends. That is systemd (INVOCATION_ID, systemd.exec(5)), launchd (XPC_SERVICE_NAME), or on Windows whatever runs in session 0.
func Service() bool { return service() }
