package platform

import (
	"fmt"
	"unsafe"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

func interfaces() ([]Interface, error) {
	list, _, err := readRIB()
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return list, nil // media are not known then
	}
	defer unix.Close(fd)
	for i := range list {
		in := &list[i]
		wifi, carrier, known := parseMedia(media(fd, in.Name))
		if wifi && in.Kind == "ethernet" {
			in.Kind = "wifi"
		}
		if known && !carrier {
			in.Running = false
		}
	}
	return list, nil
}

func readTraffic() (map[int]Traffic, error) {
	_, traffic, err := readRIB()
	if err != nil {
		return nil, fmt.Errorf("counters of the interfaces: %w", err)
	}
	return traffic, nil
}

func readRIB() ([]Interface, map[int]Traffic, error) {
	b, err := route.FetchRIB(unix.AF_UNSPEC, unix.NET_RT_IFLIST2, 0)
	if err != nil {
		return nil, nil, err
	}
	return parseRIB(b)
}

// media asks for the media of an interface; of one that has none it returns nil.
func media(fd int, name string) []byte {
	var req [mediaLen]byte // struct ifmediareq, which begins with the name
	copy(req[:unix.IFNAMSIZ-1], name)
	if Ioctl(fd, unix.SIOCGIFMEDIA, unsafe.Pointer(&req)) != nil {
		return nil
	}
	return req[:]
}
