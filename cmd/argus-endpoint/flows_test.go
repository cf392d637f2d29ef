package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFlowsAgreeWithTheOracle holds flows -r against what tshark found in captures that differ.
func TestFlowsAgreeWithTheOracle(t *testing.T) {
	compare, python := need(t, "tools/compare.py"), tool(t, "python3")
	for _, c := range []struct{ name, what string }{
		{"pcpp__VlanPackets.pcap", "VLAN, ICMP"},
		{"cid__ipv6.pcap", "IPv6"},
		{"pcpp__ip4_fragments.pcap", "fragments"},
		{"pcpp__IcmpPackets.pcap", "ICMP"},
		{"cid__arp.pcap", "ARP"},
		{"pcpp__sll2.pcap", "SLL2"},
		{"sv__bug-4810--pppoe-session-http.pcap", "PPPoE"},
		{"cid__sctp.pcap", "SCTP"},
		{"ipfixprobe__dns.pcap", "DNS"},
		{"pcpp__tls1_3.pcap", "TLS"},
		{"pcpp__ipv6.pcapng", "pcapng"},
	} {
		pcap, truth := need(t, "corpus/pcap/"+c.name), need(t, "corpus/oracle/tshark/"+c.name+".truth.jsonl.gz")
		r := call(t, nil, "flows", "-r", pcap, "--json")
		if r.code != 0 {
			t.Errorf("%s: %s", c.name, r.stderr)
			continue
		}
		ours := filepath.Join(t.TempDir(), "ours.jsonl")
		if err := os.WriteFile(ours, []byte(r.stdout), 0o600); err != nil {
			t.Fatal(err)
		}
		for octets, names := range map[string]string{"wire": "argus-names.json", "ip": "argus-names-ip.json", "payload": "argus-names-payload.json"} {
			if (strings.Contains(c.what, "ICMP") || c.what == "SCTP") && octets == "payload" {
				continue // tshark's truth counts that of TCP and UDP alone; Argus that of all
			}
			out, err := exec.Command(python, compare, truth, ours, "--bytes", octets, "--map", need(t, "tools/"+names)).CombinedOutput()
			if err != nil {
				t.Errorf("%s (%s), %s octets: %v: %s", c.name, c.what, octets, err, out)
			}
		}
	}
}

// sample is a capture of several flows and protocols.
const sample = "corpus/pcap/cid__combined.pcap"

func objects(t *testing.T, lines string) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, o)
	}
	return list
}

func TestFlowsReadsFileAndPipeAlike(t *testing.T) {
	pcap := need(t, sample)
	b, err := os.ReadFile(pcap)
	if err != nil {
		t.Fatal(err)
	}
	file, pipe := call(t, nil, "flows", "-r", pcap), call(t, b, "flows", "-r", "-")
	if file.code != 0 || file.stdout != pipe.stdout || strings.Count(file.stdout, "\n") < 10 {
		t.Errorf("file: %s%s\npipe: %s%s", file.stdout, file.stderr, pipe.stdout, pipe.stderr)
	}
	if !strings.Contains(strings.SplitN(file.stdout, "\n", 2)[0], "StartTime") {
		t.Error("no line of titles")
	}
}

func TestFlowsWritesWhatItReads(t *testing.T) {
	pcap := need(t, sample)
	for _, version := range []string{"5", "3"} {
		arg := filepath.Join(t.TempDir(), "x.arg")
		if r := call(t, nil, "flows", "-r", pcap, "-w", arg, "--argus-version", version); r.code != 0 || r.stdout != "" {
			t.Fatalf("%s%s", r.stdout, r.stderr)
		}
		direct, back := call(t, nil, "flows", "-r", pcap), call(t, nil, "flows", "-r", arg)
		if direct.stdout != back.stdout {
			t.Errorf("version %s: direct\n%s\nthrough a file\n%s%s", version, direct.stdout, back.stdout, back.stderr)
		}
		stream := call(t, nil, "flows", "-r", arg, "-w", "-", "tcp")
		tcp, want := call(t, []byte(stream.stdout), "flows", "-r", "-"), call(t, nil, "flows", "-r", pcap, "tcp")
		if tcp.stdout != want.stdout {
			t.Errorf("version %s: filtered stream\n%s\nwant\n%s", version, tcp.stdout, want.stdout)
		}
	}
}

func TestRaReadsOurStream(t *testing.T) {
	ra, pcap := tool(t, "ra"), need(t, sample)
	arg := filepath.Join(t.TempDir(), "x.arg")
	if r := call(t, nil, "flows", "-r", pcap, "-w", arg, "--argus-version", "3"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	const names = "proto,saddr,sport,daddr,dport,spkts,dpkts,sbytes,dbytes"
	out, err := exec.Command(ra, "-n", "-c", ",", "-s", names, "-r", arg, "-", "tcp or udp").CombinedOutput()
	if err != nil {
		t.Fatalf("ra: %v: %s", err, out)
	}
	ours := call(t, nil, "flows", "-r", pcap, "--csv", "-s", names, "tcp or udp")
	theirs := strings.Split(strings.TrimSpace(string(out)), "\n")[1:] // after the titles
	mine := strings.Split(strings.TrimSpace(ours.stdout), "\n")[1:]
	if len(mine) < 4 || strings.Join(mine, "\n") != strings.Join(theirs, "\n") {
		t.Errorf("ra:\n%s\nours:\n%s", strings.Join(theirs, "\n"), strings.Join(mine, "\n"))
	}
}

func TestFlowsFormats(t *testing.T) {
	pcap := need(t, sample)
	all := objects(t, call(t, nil, "flows", "-r", pcap, "--json").stdout)
	if len(all) < 10 || all[0]["saddr"] == nil || all[0]["spkts"] == nil || all[0]["stime"] == nil || all[0]["sipbytes"] == nil {
		t.Fatalf("%d objects, the first %v", len(all), all)
	}
	if n := len(objects(t, call(t, nil, "flows", "-r", pcap, "--json", "-N", "3").stdout)); n != 3 {
		t.Errorf("-N 3 prints %d flows", n)
	}
	rows, err := csv.NewReader(strings.NewReader(call(t, nil, "flows", "-r", pcap, "--csv", "-s", "saddr,dport,spkts").stdout)).ReadAll()
	if err != nil || len(rows) != len(all)+1 || strings.Join(rows[0], " ") != "saddr dport spkts" {
		t.Errorf("CSV: %d rows, %v", len(rows), err)
	}
	for _, o := range objects(t, call(t, nil, "flows", "-r", pcap, "--json", "-", "udp", "and", "port", "53").stdout) {
		if o["proto"] != "udp" || o["sport"] != 53.0 && o["dport"] != 53.0 {
			t.Errorf("the filter let pass %v", o)
		}
	}
}

func TestAggregateAddsUp(t *testing.T) {
	pcap := need(t, "formats/argus-vectors/pcap/tcp4_long.pcap")
	parts := objects(t, call(t, nil, "flows", "-r", pcap, "--json").stdout)
	whole := objects(t, call(t, nil, "flows", "-r", pcap, "--json", "--aggregate").stdout)
	if len(whole) != 1 || len(parts) < 2 {
		t.Fatalf("%d lines aggregated from %d", len(whole), len(parts))
	}
	for _, name := range []string{"spkts", "dpkts", "sbytes", "dbytes", "sappbytes", "sipbytes"} {
		sum := 0.0
		for _, p := range parts {
			n, _ := p[name].(float64)
			sum += n
		}
		if whole[0][name] != sum {
			t.Errorf("%s: %v, the parts add up to %v", name, whole[0][name], sum)
		}
	}
}

func TestMonitorIDIsInTheRecords(t *testing.T) {
	pcap := need(t, sample)
	const id = "5d9f3b52-7c1e-4a8e-9f10-2b3c4d5e6f70"
	for _, o := range objects(t, call(t, nil, "flows", "-r", pcap, "--json", "--monitor-id", id).stdout) {
		if !strings.HasPrefix(fmt.Sprint(o["srcid"]), id) {
			t.Fatalf("srcid %v", o["srcid"])
		}
	}
}

func TestBrokenPipeIsQuiet(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	pcap := need(t, sample)
	out, err := exec.Command(tool(t, "bash"), "-c", `set -o pipefail; "$0" flows -r "$1" --json | true; exit ${PIPESTATUS[0]}`, path, pcap).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestCutFilesEndWithAnError(t *testing.T) {
	pcap := need(t, sample)
	b, err := os.ReadFile(pcap)
	if err != nil {
		t.Fatal(err)
	}
	r := call(t, b[:len(b)-7], "flows", "-r", "-")
	if r.code != 1 || !strings.Contains(r.stderr, "standard input") || strings.Count(r.stdout, "\n") < 5 {
		t.Errorf("exit code %d, %s, %s", r.code, r.stderr, r.stdout)
	}
	stream := call(t, nil, "flows", "-r", pcap, "-w", "-").stdout
	if r := call(t, []byte(stream[:len(stream)-7]), "flows", "-r", "-"); r.code != 1 || strings.Count(r.stdout, "\n") < 5 {
		t.Errorf("Argus: exit code %d, %s", r.code, r.stderr)
	}
}
