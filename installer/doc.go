// Package installer makes argus-endpoint a service of this system, takes it away again, and runs it as the service manager's child:
// systemd, OpenRC and System V on Linux, the service control manager on Windows, launchd on macOS.
package installer
