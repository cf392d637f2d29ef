package platform

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// dumpTries bounds how often a dump is repeated when the kernel's tables change under it.
const dumpTries = 8

func interfaces() (list []Interface, err error) {
	for range dumpTries {
		list, err = dumpInterfaces()
		if !errors.Is(err, errInterrupted) {
			break
		}
	}
	return list, err
}

func dumpInterfaces() ([]Interface, error) {
	var list []Interface
	at := map[int]int{}
	err := nlDump(unix.NETLINK_ROUTE, unix.RTM_GETLINK, unix.NLM_F_DUMP, make([]byte, ifInfoLen), func(m nlMessage) {
		if in, ok := parseLink(m); ok {
			at[in.Index] = len(list)
			list = append(list, in)
		}
	})
	if err != nil {
		return nil, err
	}
	err = nlDump(unix.NETLINK_ROUTE, unix.RTM_GETADDR, unix.NLM_F_DUMP, make([]byte, ifAddrLen), func(m nlMessage) {
		index, p, ok := parseAddr(m)
		if i, known := at[index]; ok && known {
			list[i].Addrs = append(list[i].Addrs, p)
		}
	})
	if err != nil {
		return nil, err
	}
	// Without nl80211 there is no wireless interface to tell from an Ethernet one.
	for _, index := range wirelessIndexes() {
		if i, known := at[index]; known && list[i].Kind == "ethernet" {
			list[i].Kind = "wifi"
		}
	}
	return list, nil
}

// wirelessIndexes asks nl80211 (linux/nl80211.h) for the interfaces that it drives.
func wirelessIndexes() (indexes []int) {
	const (
		getFamily     = 3 // CTRL_CMD_GETFAMILY
		familyName    = 2 // CTRL_ATTR_FAMILY_NAME
		ctrlFamily    = 16
		getInterface  = 5 // NL80211_CMD_GET_INTERFACE
		answerRequest = unix.NLM_F_ACK
	)
	name := "nl80211\x00"
	ask := append([]byte{getFamily, 1, 0, 0}, nlAttr(familyName, name)...)
	var family uint16
	err := nlDump(unix.NETLINK_GENERIC, ctrlFamily, answerRequest, ask, func(m nlMessage) {
		if id, ok := parseFamily(m); ok {
			family = id
		}
	})
	if err != nil || family == 0 {
		return nil
	}
	_ = nlDump(unix.NETLINK_GENERIC, family, unix.NLM_F_DUMP, []byte{getInterface, 0, 0, 0}, func(m nlMessage) {
		if index, ok := parseWireless(m); ok {
			indexes = append(indexes, index)
		}
	})
	return indexes
}

func nlAttr(kind uint16, value string) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(nlAttrLen+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, padded(len(b))-len(b))...)
}

// nlDump sends one request and gives each message of the answer to each. A kernel that does not answer within two seconds is an error.
func nlDump(protocol int, kind, flags uint16, body []byte, each func(nlMessage)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return fmt.Errorf("netlink socket: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2}); err != nil {
		return fmt.Errorf("netlink receive timeout: %w", err)
	}
	const seq = 1
	req := binary.NativeEndian.AppendUint32(nil, uint32(nlHeaderLen+len(body)))
	req = binary.NativeEndian.AppendUint16(req, kind)
	req = binary.NativeEndian.AppendUint16(req, flags|unix.NLM_F_REQUEST)
	req = binary.NativeEndian.AppendUint32(req, seq)
	req = append(binary.NativeEndian.AppendUint32(req, 0), body...)
	if err := unix.Sendto(fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink request: %w", err)
	}
	buf := make([]byte, 64<<10) // the kernel cuts a dump into datagrams of at most 32 KiB
	for {
		n, _, rflags, _, err := syscall.Recvmsg(fd, buf, nil, 0) // not unix.Recvmsg, which links every kind of address
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("netlink answer: %w", err)
		case rflags&unix.MSG_TRUNC != 0:
			return fmt.Errorf("netlink answer: %w: longer than %d octets", errNetlink, len(buf))
		}
		if done, err := parseDump(buf[:n], seq, each); done || err != nil {
			return err
		}
	}
}
