package collector

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkCollector is P11: batches of 200 records from 20 agents over TLS, each journalled with a sync before its answer,
// and all of them in Parquet at the end. The collector is a process of its own; the agents share its processors.
func BenchmarkCollector(b *testing.B) {
	c := testConfig(b)
	cmd, _, text := spawn(b, c.State, c.Listen, c.CommitInterval)
	defer func() {
		if err := errors.Join(cmd.Process.Kill(), cmd.Wait()); err == nil {
			b.Error("the collector had ended before it was killed")
		}
	}()
	const agents, size = 20, 200
	all, batches := make([]*agent, agents), make([][]batch, agents)
	for i := range all {
		all[i] = newAgent(b, text)
		for range (b.N + agents - 1) / agents {
			batches[i] = append(batches[i], all[i].batch(size))
		}
	}
	runtime.GC()
	b.ResetTimer()
	begin := time.Now()
	var wg sync.WaitGroup
	for i, a := range all {
		wg.Go(func() {
			for _, x := range batches[i] {
				a.post(x)
			}
		})
	}
	wg.Wait()
	accepted := time.Since(begin)
	if err := Flush(b.Context(), &c.Place); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	records := float64(agents * len(batches[0]) * size)
	b.ReportMetric(records/accepted.Seconds(), "acked/s")
	b.ReportMetric(records/b.Elapsed().Seconds(), "stored/s")
	b.ReportMetric(peakRSS(b, cmd.Process.Pid), "MB-peak-RSS")
}

// peakRSS returns the most memory that a process ever had.
func peakRSS(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // only Linux tells
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseFloat(strings.Fields(kb)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return n / 1024
		}
	}
	return 0
}
