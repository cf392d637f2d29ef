package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// TestRadiumOfDebiansArgus: the records of Debian's argus sensor come through radium into the store, and print the same values as ra prints that is
// connected to the sensor beside it.
func TestRadiumOfDebiansArgus(t *testing.T) {
	for _, name := range []string{"argus", "ra"} {
		if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") != "true" {
			t.Skip("Debian's argus-server and argus-client are not installed")
		}
	}
	if !netns.Inside(t) {
		return
	}
	const sensor, fields = "127.0.0.1:5610", "stime,ltime,dur,flgs,srcid,proto,saddr,sport,dir,daddr,dport,spkts,dpkts,sbytes,dbytes,sappbytes,dappbytes,sttl,dttl,smeansz,sintpkt,sjit,state"
	dir := t.TempDir()
	state, file := filepath.Join(dir, "state"), filepath.Join(dir, "ra.arg")
	argus := exec.Command("argus", "-X", "-i", "lo", "-P", "5610", "-B", "127.0.0.1", "-e", "192.0.2.9", "-M", "1", "-S", "1", "-J", "-R", "-Z", "-A", "-m", "-", "udp")
	clients := watch(t, argus, "connect from")
	run := exec.Command(os.Args[0], "run", "--state", state, "--listen", "127.0.0.1:0", "--commit-interval", "1s")
	run.Env = append(os.Environ(), "ARGUS_COLLECTOR_TEST_MAIN=1")
	<-watch(t, run, "collector is ready")
	answers(t, sensor) // and is a client too
	<-clients
	ours := exec.Command(os.Args[0], "radium", "--state", state, sensor)
	ours.Env = run.Env
	watch(t, ours, "nothing")
	<-clients
	ra := exec.Command("ra", "-S", sensor, "-w", file)
	watch(t, ra, "nothing")
	<-clients
	const flows = 40
	talk(t, flows)
	var got []string
	for deadline := time.Now().Add(40 * time.Second); len(got) < flows; {
		out, errs, code := program(t, "flows", "--state", state, "--csv", "-n", "-u", "-s", fields, "udp")
		if code != 0 && !strings.Contains(errs, "nothing is stored") || time.Now().After(deadline) {
			t.Fatalf("%d flows: exit %d, %s", len(got), code, errs)
		}
		got = values(out)
	}
	if out, errs, code := program(t, "hosts", "--state", state, "--json"); code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"name":"192.0.2.9"`) {
		t.Errorf("hosts: exit %d, %s%s", code, out, errs) // status records of no sensor would be another one
	}
	if err := argus.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = ra.Wait() // ends with the connection
	want := values(netns.Run(t, "ra", "-n", "-u", "-c", ",", "-r", file, "-s", strings.ReplaceAll(fields, "srcid", "srcid:20"), "-", "udp"))
	if !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("\n got %s\nwant %s", got[i], want[i])
			}
		}
		t.Errorf("%d flows, ra has %d", len(got), len(want))
	}
	t.Logf("measured: %d flows of %d values are the same", len(got), strings.Count(fields, ",")+1)
}

// values are the lines of an output without its title, in order, without the blanks around its values.
func values(out string) (list []string) {
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if i == 0 && (strings.Contains(line, "StartTime") || strings.HasPrefix(line, "stime")) {
			continue
		}
		parts := strings.Split(line, ",")
		for n := range parts {
			parts[n] = strings.TrimSpace(parts[n])
		}
		list = append(list, strings.Join(parts, ","))
	}
	slices.Sort(list)
	return list
}

// talk makes conversations of two packets each way.
func talk(t *testing.T, n int) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:7007")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	b := make([]byte, 100)
	for i := range n {
		c, err := net.Dial("udp", "127.0.0.1:7007")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			fmt.Fprintf(c, "question %d", i)
			_, from, err := server.ReadFrom(b)
			if err == nil {
				_, err = server.WriteTo([]byte("answer"), from)
			}
			if err == nil {
				_, err = c.Read(b)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		defer c.Close() // at the end: no other flow gets its port
	}
}

// watch starts a program, ends it with the test, and gives a signal for each line of its errors that has the words.
func watch(t *testing.T, cmd *exec.Cmd, words string) <-chan struct{} {
	t.Helper()
	out, in := io.Pipe()
	cmd.Stderr = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan struct{}, 16)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), words) {
				found <- struct{}{}
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed
		in.Close()
	})
	return found
}

// answers waits until somebody listens.
func answers(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
