package fields

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// services names the ports of this system; the nil value names none.
type services struct{ names map[uint32]string }

// maxServices is how much of a services file is read, in octets; Debian's has 13 kB, IANA's whole register 1 MB.
const maxServices = 4 << 20

// systemServices reads the system's services file once; without one, ports stay numbers.
var systemServices = sync.OnceValue(func() *services {
	f, err := os.Open(servicesFile())
	if err != nil {
		return &services{}
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, maxServices))
	return parseServices(text)
})

// parseServices reads services(5): NAME PORT/PROTOCOL [ALIAS...] [# COMMENT]. The first name of a port is the one, as with
// getservbyport(3). Lines of other forms and of protocols other than TCP and UDP are passed over.
func parseServices(text []byte) *services {
	s := &services{names: map[uint32]string{}}
	for line := range bytes.Lines(text) {
		line, _, _ = bytes.Cut(line, []byte{'#'})
		words := bytes.Fields(line)
		if len(words) < 2 {
			continue
		}
		number, protocol, _ := bytes.Cut(words[1], []byte{'/'})
		port, err := strconv.ParseUint(string(number), 10, 16)
		if err != nil {
			continue
		}
		var proto uint8
		switch string(protocol) {
		case "tcp":
			proto = flow.ProtoTCP
		case "udp":
			proto = flow.ProtoUDP
		default:
			continue
		}
		if key := serviceKey(uint16(port), proto); s.names[key] == "" {
			s.names[key] = string(printable(words[0]))
		}
	}
	return s
}

func serviceKey(port uint16, proto uint8) uint32 { return uint32(proto)<<16 | uint32(port) }

// name returns the name of a port, "" for none.
func (s *services) name(port uint16, proto uint8) string { return s.names[serviceKey(port, proto)] }
