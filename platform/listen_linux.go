package platform

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// listenState is TCP_LISTEN as the kernel prints it.
const listenState = "0A"

func (l *Listeners) readPorts() error {
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(name, "6") { // a kernel without IPv6
			continue
		}
		if err != nil {
			return err
		}
		err = l.scan(f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// scan reads a table of sockets as proc_pid_net(5) describes it: a heading, then number, local address:port, remote
// address:port and state of each in hexadecimal. The kernel gives the listeners first (net/ipv4/tcp_ipv4.c), which spares
// us the connections of a busy server: a hundred thousand of them would cost a tenth of a second.
func (l *Listeners) scan(r io.Reader) error {
	in := bufio.NewScanner(r)
	in.Scan()
	for in.Scan() {
		words := strings.Fields(in.Text())
		if len(words) < 4 || words[3] != listenState {
			break
		}
		_, digits, _ := strings.Cut(words[1], ":")
		port, err := strconv.ParseUint(digits, 16, 16)
		if err != nil {
			return err
		}
		l.add(uint16(port))
	}
	return in.Err()
}
