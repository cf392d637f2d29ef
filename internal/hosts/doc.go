// Package hosts has tests only: Debian hosts that are booted with their own systemd, the packages that are installed on
// them, and a fleet of them. `make hosts` runs it.
package hosts
