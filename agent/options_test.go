package agent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// query is a DNS query with a transaction id (RFC 1035 section 4.1).
func query(id uint16) []byte {
	b := append(datagram(5000)[:42], "\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x\x00\x00\x01\x00\x01"...)
	binary.BigEndian.PutUint16(b[42:], id)
	binary.BigEndian.PutUint16(b[16:], uint16(len(b)-14))
	binary.BigEndian.PutUint16(b[38:], uint16(len(b)-34))
	return b
}

// tunneled is a frame in VXLAN (RFC 7348), network 7, from 10.0.0.1 to 10.0.0.2.
func tunneled(inner []byte) []byte {
	b := datagram(60000)[:42]
	binary.BigEndian.PutUint16(b[16:], uint16(20+8+8+len(inner)))
	binary.BigEndian.PutUint16(b[36:], 4789)
	binary.BigEndian.PutUint16(b[38:], uint16(8+8+len(inner)))
	return append(append(b, 8, 0, 0, 0, 0, 0, 7, 0), inner...)
}

// What a user sets reaches the flow table and the capture.
func TestSettingsArrive(t *testing.T) {
	c := DefaultConfig()
	c.Timeouts, c.Promiscuous, c.UserData = flow.Timeouts{IP: 1e9, TCP: 2e9, Fallow: 3e9, ICMP: 4e9, IGMP: 5e9, Fragment: 6e9, ARP: 7e9, Other: 8e9}, true, 100
	if got := c.table(); got.Timeouts != c.Timeouts || got.UserData != 100 {
		t.Errorf("%+v", got)
	}
	if got := c.capture(); !got.Promiscuous || got.SnapLen != headers+100 {
		t.Errorf("%+v", got)
	}
}

// What a user sets decides what records there are and what is in them.
func TestWhatRecordsAreMade(t *testing.T) {
	inner := query(1)
	inner[29], inner[33] = 9, 8 // from 10.0.0.9 to 10.0.0.8
	frames := [][]byte{query(1), query(2), tunneled(inner)}
	for _, c := range []struct {
		name string
		set  func(*Config)
		want []string // of each record: source, ports, packets, user data
		hash bool
	}{
		{"nothing said", func(*Config) {}, []string{"10.0.0.1 5000 53 2 \"\"", "10.0.0.9 5000 53 1 \"\""}, false},
		{"tunnels kept closed", func(c *Config) { c.TunnelParsing = false }, []string{"10.0.0.1 5000 53 2 \"\"", "10.0.0.1 60000 4789 1 \"\""}, false},
		{"DNS transactions", func(c *Config) { c.DNSTransactions = true }, []string{"10.0.0.1 5000 53 1 \"\"", "10.0.0.1 5000 53 1 \"\"", "10.0.0.9 5000 53 1 \"\""}, false},
		{"user data", func(c *Config) { c.UserData = 6 }, []string{"10.0.0.1 5000 53 2 \"\\x00\\x01\\x01\\x00\\x00\\x01\"", "10.0.0.9 5000 53 1 \"\\x00\\x01\\x01\\x00\\x00\\x01\""}, false},
		{"a filter", func(c *Config) { c.Filter = "src host 10.0.0.9" }, []string{"10.0.0.9 5000 53 1 \"\""}, false},
		{"hash", func(c *Config) { c.FlowHash = true }, []string{"10.0.0.1 5000 53 2 \"\"", "10.0.0.9 5000 53 1 \"\""}, true},
	} {
		config := DefaultConfig()
		c.set(&config)
		var got []string
		var raw []byte
		i := 0
		src := newFrames(func(f *capture.Frame) []byte {
			if i == len(frames) {
				return nil
			}
			i++
			f.Timestamp = time.Unix(1e9, int64(i))
			return frames[i-1]
		}, io.EOF)
		m := newMeter(&config, newRoom(1<<16), nil, src, argus.Encoder{}, func(records []byte, _ int) error {
			raw = append(raw, records...)
			for r, err := range argus.Records(records) {
				if err != nil {
					return err
				}
				f := &r.Flow
				got = append(got, fmt.Sprintf("%s %d %d %d %q", f.SrcAddr(), f.SrcPort, f.DstPort, f.Side[0].Packets, f.Side[0].Data))
			}
			return nil
		})
		if err := m.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if hash := bytes.Contains(raw, []byte{0x07, 0, 0, 3}); hash != c.hash {
			t.Errorf("%s: a flow hash is in the records: %v", c.name, hash)
		}
	}
}
