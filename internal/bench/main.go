//go:build linux

// Command bench prints what Argus Endpoint costs beside the peers that are installed: make bench.
//
// The figures are ratios to read side by side in one run: absolute times drift with the machine. The traces are made
// anew, the same for the same seed; -endpoint and -scan take others.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	touch := flag.String("touch", "", "read `FILE` and touch each frame's headers: the floor of the table")
	sendTo := flag.String("send", "", "send the load of P7 to `INTERFACE`")
	endpoint := flag.String("endpoint", "", "the endpoint trace: a pcap `FILE`, made if empty")
	scan := flag.String("scan", "", "the scan trace: a pcap `FILE`, made if empty")
	packets := flag.Int("packets", 5_000_000, "packets of the endpoint trace")
	probes := flag.Int("probes", 1_000_000, "packets of the scan trace")
	idleOnly := flag.Bool("idle", false, "only P6, which takes three minutes")
	liveOnly := flag.Bool("live", false, "only P7")
	rounds := flag.Int("rounds", 5, "rounds of each program; the median counts")
	flag.Parse()
	var err error
	switch {
	case *touch != "":
		err = touchHeaders(*touch)
	case *sendTo != "":
		err = sendFrames(*sendTo)
	case *idleOnly:
		err = benchOnly(idle)
	case *liveOnly:
		err = benchOnly(live)
	default:
		err = bench(*endpoint, *scan, *packets, *probes, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(endpoint, scan string, packets, probes, rounds int) error {
	dir, err := os.MkdirTemp(memoryFolder(), "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if endpoint == "" {
		endpoint = filepath.Join(dir, "endpoint.pcap")
		fmt.Fprintf(os.Stderr, "making a trace of %d packets\n", packets)
		if err := writeTrace(endpoint, packets, 1, (*traceWriter).endpoint); err != nil {
			return err
		}
	}
	if scan == "" {
		scan = filepath.Join(dir, "scan.pcap")
		if err := writeTrace(scan, probes, 2, (*traceWriter).scan); err != nil {
			return err
		}
	}
	t := &table{scratch: dir}
	defer t.print(os.Stdout)
	if err := fromFile(t, "P1", "CPU, endpoint trace", endpoint, packets, rounds, map[string]float64{"argus 3": 0.20, "softflowd": 0.40, floor: 4.5}); err != nil {
		return err
	}
	if err := fromFile(t, "P2", "CPU, scan", scan, probes, rounds, map[string]float64{"argus 3": 0.10, "softflowd": 0.25}); err != nil {
		return err
	}
	// What runs as a child comes before what makes this process large: a child's peak begins with what its parent has.
	if err := scanBesideATransfer(t, probes); err != nil {
		return err
	}
	if err := idle(t); err != nil {
		return err
	}
	if err := peersPerFlow(t, 100_000); err != nil {
		return err
	}
	if err := allocations(t, endpoint); err != nil {
		return err
	}
	memoryPerFlow(t)
	if err := recordSize(t, endpoint); err != nil {
		return err
	}
	return live(t)
}

// benchOnly makes a table of one measurement.
func benchOnly(measure func(*table) error) error {
	dir, err := os.MkdirTemp(memoryFolder(), "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := &table{scratch: dir}
	defer t.print(os.Stdout)
	return measure(t)
}

// memoryFolder is where traces cost no disk time.
func memoryFolder() string {
	if _, err := os.Stat("/dev/shm"); err == nil {
		return "/dev/shm"
	}
	return ""
}
