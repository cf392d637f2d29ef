//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/argus-endpoint/argus-endpoint/capture"
)

// The programs that read a trace from a file: ours, the floor, and the peers that are installed.
const (
	ours  = "argus-endpoint"
	floor = "touch headers"
)

func readers(trace, argusConf string) (commands map[string][]string, order []string) {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	commands = map[string][]string{
		ours:        {"bin/argus-endpoint", "flows", "-r", trace, "-w", os.DevNull},
		floor:       {self, "-touch", trace},
		"argus 3":   {"/usr/sbin/argus", "-X", "-F", argusConf, "-r", trace, "-w", os.DevNull},
		"softflowd": {"/usr/sbin/softflowd", "-c", "none", "-D", "-v", "9", "-r", trace},
		"tcpdump":   {"/usr/bin/tcpdump", "-r", trace, "-w", os.DevNull},
	}
	for _, name := range []string{ours, floor, "argus 3", "softflowd", "tcpdump"} {
		if _, err := exec.LookPath(commands[name][0]); err == nil {
			order = append(order, name)
		}
	}
	return commands, order
}

// richArgus makes argus generate what our records carry.
const richArgus = `ARGUS_DAEMON=no
ARGUS_FLOW_STATUS_INTERVAL=5
ARGUS_GENERATE_RESPONSE_TIME_DATA=yes
ARGUS_GENERATE_PACKET_SIZE=yes
ARGUS_GENERATE_JITTER_DATA=yes
ARGUS_GENERATE_MAC_DATA=yes
ARGUS_GENERATE_APPBYTE_METRIC=yes
ARGUS_GENERATE_TCP_PERF_METRIC=yes
ARGUS_GENERATE_BIDIRECTIONAL_TIMESTAMPS=yes
`

// touchHeaders is the floor: it reads a trace and touches the header of each frame, nothing more.
func touchHeaders(trace string) error {
	src, err := capture.OpenFile(trace)
	if err != nil {
		return err
	}
	defer src.Close()
	var f capture.Frame
	sum := 0
	for {
		data, err := src.Next(&f, 0)
		if errors.Is(err, io.EOF) {
			fmt.Println(sum)
			return nil
		}
		if err != nil {
			return err
		}
		for i := 0; i < min(len(data), 54); i += 8 {
			sum += int(data[i])
		}
	}
}

// fromFile measures P1 or P2: CPU a packet over a trace.
func fromFile(t *table, id, what, trace string, packets, rounds int, bars map[string]float64) error {
	conf := filepath.Join(t.scratch, "argus.conf")
	if err := os.WriteFile(conf, []byte(richArgus), 0o600); err != nil {
		return err
	}
	commands, order := readers(trace, conf)
	result, err := alternate(commands, order, rounds)
	if err != nil {
		return err
	}
	mine := result[ours].cpu
	for _, name := range order {
		u := result[name]
		row := row{id: id, what: what, who: name, value: fmt.Sprintf("%d ns/packet", u.cpu/time.Duration(packets)), memory: u.peak}
		if name != ours {
			row.ratio = float64(mine) / float64(u.cpu)
			row.bar = bars[name]
		}
		t.add(row)
	}
	return nil
}
