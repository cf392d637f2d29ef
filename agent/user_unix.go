//go:build unix

package agent

import (
	"os/user"
	"strconv"
)

// groupID returns the number of a group, negative where the system has none of that name.
func groupID(name string) int {
	g, err := user.LookupGroup(name)
	if err != nil {
		return -1
	}
	id, err := strconv.Atoi(g.Gid)
	if err != nil {
		return -1
	}
	return id
}

// lookUpUser returns the name of the user with a number, or the number.
func lookUpUser(id string) string {
	u, err := user.LookupId(id)
	if err != nil {
		return id
	}
	return u.Username
}
