package fields

import "github.com/argus-endpoint/argus-endpoint/argus"

// shade is an attribute of a terminal's text (ECMA-48, SGR).
type shade uint8

const (
	plain  shade = 0
	bold   shade = 1
	dim    shade = 2
	red    shade = 31
	green  shade = 32
	yellow shade = 33
	blue   shade = 34
	cyan   shade = 36
)

// paint appends the sequence that turns to a shade.
func paint(b []byte, on bool, s shade) []byte {
	switch {
	case !on:
		return b
	case s < 10:
		return append(b, '\x1b', '[', '0'+byte(s), 'm')
	}
	return append(b, '\x1b', '[', '0'+byte(s)/10, '0'+byte(s)%10, 'm')
}

// shade returns the colour of a cell: how a flow went, trouble, the transport; times step back.
func (c *cell) shade(value []byte, r *argus.Record) shade {
	switch {
	case c.kind == moment || r.Kind != argus.KindFlow:
		return dim
	case c.name == "state":
		return stateShade(string(value))
	case c.name == "flgs":
		return flagShade(value)
	case c.name == "proto":
		switch string(value) {
		case "tcp":
			return cyan
		case "udp":
			return blue
		}
	}
	return plain
}

// stateShade tells failed, unanswered and answered flows apart.
func stateShade(state string) shade {
	switch {
	case state == "RST" || state == "ERR" || state == "TIM" || state == "TXD" || len(state) > 1 && state[:2] == "UR":
		return red
	case state == "REQ" || state == "INT" || state == "RSP" || state == "ACC":
		return yellow
	case state == "CON" || state == "FIN" || state == "CLO":
		return green
	}
	return plain
}

// flagShade is red for ICMP's and yellow for TCP's complaints.
func flagShade(flags []byte) shade {
	if len(flags) < 8 {
		return plain
	}
	switch {
	case flags[2] != ' ':
		return red
	case flags[3] != ' ' || flags[4] != ' ' || flags[5] != ' ':
		return yellow
	}
	return plain
}
