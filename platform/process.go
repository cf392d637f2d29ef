package platform

import "time"

// Process is a process of this host, as it was when it was asked for.
type Process struct {
	PID     int       // 0: not known
	Name    string    // as the system calls it: on Linux 15 octets of the program's name, or what the process has set
	Program string    // the path of its program, "" if that is not known
	Started time.Time // which tells it from another one with the same PID; to a hundredth of a second
}

// Owners tells which processes hold sockets, by inode: of several the one with the lowest PID. Sockets whose owner is not found are not
// in the result: looking into the processes of others needs privileges, and no more than 65,536 open files are looked at.
// On Linux it reads /proc, elsewhere the error wraps errors.ErrUnsupported.
func Owners(sockets []Listener) (map[uint64]Process, error) {
	if len(sockets) == 0 {
		return nil, nil
	}
	return owners(sockets)
}
