package platform

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

func readTraffic() (all map[int]Traffic, err error) {
	for range dumpTries {
		all = make(map[int]Traffic)
		err = nlDump(unix.NETLINK_ROUTE, unix.RTM_GETLINK, unix.NLM_F_DUMP, make([]byte, ifInfoLen), func(m nlMessage) {
			if index, t, ok := parseTraffic(m); ok {
				all[index] = t
			}
		})
		if !errors.Is(err, errInterrupted) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("counters of the interfaces: %w", err)
	}
	return all, nil
}
