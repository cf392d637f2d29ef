package platform

// Dirs are the folders of the endpoint's service on this system.
type Dirs struct {
	State  string // what it must not lose: identity, spool, the local socket
	Config string // what an administrator or a package puts there: argus-endpoint.conf, token
	Handed string // where the service manager puts a copy of the token that a service without root's rights can read; "" for none
}

// DefaultDirs returns the folders that the system's conventions give a service of this name.
func DefaultDirs() Dirs { return defaultDirs("argus-endpoint") }
