package judge

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// clusterKeys are the keys with which racluster and we merge the same files. By stcpb and dtcpb racluster 3.0.8 merges what has
// different ones; no file has countries and autonomous systems, and a word none it does not know.
var clusterKeys = strings.Split("srcid|saddr|daddr|saddr daddr|saddr/24|saddr/16|saddr/9|daddr/24|daddr/12|saddr/24 daddr/24|saddr daddr/16|"+
	"saddr daddr proto|saddr daddr proto dport|saddr daddr proto sport dport|proto|proto sport|proto dport|sport|dport|saddr dport|daddr dport|"+
	"saddr proto|daddr proto|srcid saddr|srcid proto|srcid daddr dport|matrix|matrix proto|matrix/24|matrix/16 proto|stos|dtos|sttl|dttl|sttl dttl|"+
	"saddr stos|smac|dmac|smac dmac|svlan|dvlan|svlan dvlan|proto svlan|srcid svlan|smpls|dmpls|saddr smac|inode|inode saddr", "|")

// sound tells whether racluster 3.0.8 keeps a record apart by that word as it should: where a record has no such DSR it
// takes what an earlier one had, it orders IPv6 addresses by the octets of the machine, and takes ARP with IP for one of them.
func sound(word string, r *argus.Record) bool {
	name, _, _ := strings.Cut(word, "/")
	s, d := &r.Flow.Side[0], &r.Flow.Side[1]
	switch name {
	case "matrix", "smac", "dmac", "stos", "dtos", "sttl", "dttl":
		return r.Flow.Family == flow.FamilyIPv4
	case "svlan":
		return s.HasVLAN && r.Flow.Family == flow.FamilyIPv4
	case "dvlan":
		return d.HasVLAN && r.Flow.Family == flow.FamilyIPv4
	case "smpls":
		return s.HasMPLS
	case "dmpls":
		return d.HasMPLS
	case "inode":
		return r.ICMP != 0 && r.Flow.Family == flow.FamilyIPv4
	}
	return true
}

const clusterColumns = "proto saddr sport daddr dport trans spkts dpkts sbytes dbytes sappbytes dappbytes stime ltime dur mean min max stddev sum"

// TestClusterLikeRacluster merges the same records with the same keys.
func TestClusterLikeRacluster(t *testing.T) {
	rows, equal := 0, 0
	for name, records := range clusterStreams(t) {
		keys := clusterKeys
		if name == "vectors" {
			keys = append(slices.Clip(keys), "") // our own records know their flow
		}
		for _, key := range keys {
			stream := sensible(t, records, strings.Fields(key))
			if len(stream) == emptyStream {
				continue
			}
			file := filepath.Join(t.TempDir(), "in.arg")
			if err := os.WriteFile(file, stream, 0o600); err != nil {
				t.Fatal(err)
			}
			k, err := cluster.ParseKey(key)
			if err != nil {
				t.Fatal(err)
			}
			c := cluster.New(1<<20, k)
			for r, err := range argus.Records(stream) {
				if err != nil {
					t.Fatal(err)
				}
				c.Add(r)
			}
			var got []string
			for r := range c.All() {
				got = append(got, clusterRow(r))
			}
			var args []string
			if key != "" {
				args = append([]string{"-m"}, strings.Fields(key)...)
			}
			want := racluster(t, "racluster", file, args)
			same, ours, theirs := compareRows(got, want)
			rows, equal = rows+len(want), equal+same
			for i := range max(len(ours), len(theirs)) {
				if i > 3 {
					break
				}
				t.Errorf("%s -m %s:\n  we %s\n  ra %s", name, key, at(ours, i), at(theirs, i))
			}
		}
	}
	t.Logf("judge: racluster: %d keys, %d rows, %d are equal", len(clusterKeys), rows, equal)
}

// TestMergedLikeRacluster: what was merged and written is to ra 3.0.8 what racluster makes of the same records.
func TestMergedLikeRacluster(t *testing.T) {
	stream := sensible(t, clusterStreams(t)["synthetic"], []string{"matrix"})
	k, err := cluster.ParseKey("saddr/16 proto")
	if err != nil {
		t.Fatal(err)
	}
	c, e := cluster.New(1<<20, k), argus.Encoder{Version: argus.V3}
	for r, err := range argus.Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		c.Add(r)
	}
	written := e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Interval: 60})
	for r := range c.All() {
		written = e.AppendRecord(written, r)
	}
	in, out := filepath.Join(t.TempDir(), "in.arg"), filepath.Join(t.TempDir(), "out.arg")
	if err := errors.Join(os.WriteFile(in, stream, 0o600), os.WriteFile(out, written, 0o600)); err != nil {
		t.Fatal(err)
	}
	want := racluster(t, "racluster", in, []string{"-m", "saddr/16", "proto"})
	same, ours, theirs := compareRows(racluster(t, "ra", out, nil), want)
	if same != len(want) || len(ours) != 0 {
		t.Errorf("%d of %d records are the same:\n  we %s\n  ra %s", same, len(want), strings.Join(ours, "\n     "), strings.Join(theirs, "\n     "))
	}
}

func at(rows []string, i int) string {
	if i < len(rows) {
		return rows[i]
	}
	return "nothing"
}

// clusterStreams are records of version 3: of the sensor 3.0.8.2, and our own.
func clusterStreams(t *testing.T) map[string][]byte {
	t.Helper()
	streams := map[string][]byte{}
	vectors, err := filepath.Glob(filepath.Join(shared(t, "formats", "argus-vectors", "v3-argus3"), "*.arg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(vectors, shared(t, "formats", "argus-vectors", "encoder", "v3.arg")) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		streams["vectors"] = append(streams["vectors"], b...)
	}
	for _, row := range corpus(t) {
		p := newPipeline(flow.DefaultConfig())
		p.enc.Version = argus.V3
		p.read(t, pcap(t, row["file"]))
		streams["corpus"] = append(streams["corpus"], p.out...)
		if row["file"] == "arkime__arkime_synthetic.pcap" {
			streams["synthetic"] = p.out
		}
	}
	return streams
}

// emptyStream is the octets of a stream without flows.
const emptyStream = 128

// sensible returns a stream of the records that racluster keeps apart by those words as it should.
func sensible(t *testing.T, records []byte, words []string) []byte {
	t.Helper()
	e := argus.Encoder{Version: argus.V3}
	stream := e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Interval: 60})
	for r, err := range argus.Records(records) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == argus.KindFlow && likewise(&r.Flow) && !slices.ContainsFunc(words, func(word string) bool { return !sound(word, r) }) {
			stream = append(stream, r.Raw...)
		}
	}
	return stream
}

// likewise tells whether racluster 3.0.8 takes a record for what it is.
func likewise(f *flow.Record) bool {
	first, last := f.Span()
	s, d := &f.Side[0], &f.Side[1]
	switch {
	case first < 1e17 || last >= 1<<31*1e9: // its times are those of 32 bits with a sign, and 0 is none
		return false
	case f.IsTCP() && f.TCP.Status&flow.TCPSawSYN == 0: // it is turned round by its ports
		return false
	case f.Proto == flow.ProtoESP || s.Fragments || f.Family == flow.FamilyEthernet || f.Family == flow.FamilyRARP: // some stay apart
		return false
	case f.Proto == flow.ProtoSCTP || f.Proto == flow.ProtoDCCP || f.Proto == flow.ProtoUDPLite: // they have no ports for it
		return false
	case s.Packets > 1 && d.Packets > 0 && d.First == d.Last && d.First > s.Last: // it ends with the source
		return false
	}
	return s.Packets+d.Packets > 1 || first == last // such records of one packet do not exist
}

func racluster(t *testing.T, tool, file string, args []string) []string {
	t.Helper()
	args = append([]string{"-F", "/dev/null", "-n", "-n", "-u", "-c", ",", "-L", "-1", "-r", file, "-s"}, append(strings.Fields(clusterColumns), args...)...)
	cmd := exec.Command(debian(t, tool), append(args, "-", "not", "man")...)
	cmd.Env = []string{"TZ=UTC", "HOME=/nonexistent", "PATH=" + os.Getenv("PATH")}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s", cmd.Args, err, complaint.Bytes())
	}
	var rows []string
	for line := range strings.Lines(string(out)) {
		rows = append(rows, raRow(strings.TrimSpace(line)))
	}
	return rows
}

// raRow leaves of a row what both have: ports only of TCP and UDP.
func raRow(line string) string {
	f := strings.Split(line, ",")
	if f[0] != "6" && f[0] != "17" {
		f[2], f[4] = "", ""
	}
	if f[5] == "1" {
		f[18] = "0.000000" // of a record that was not merged ra prints the deviation of the one before
	}
	if f[0] == "2054" && f[1] == "0.0.0.0" && f[3] == f[1] {
		f[0] = "0" // ARP records that have no address in common, and ARP with IP
	}
	return strings.Join(f, ",")
}

// clusterRow prints a record as ra prints the columns.
func clusterRow(r *argus.Record) string {
	f, s, d := &r.Flow, &r.Flow.Side[0], &r.Flow.Side[1]
	first, last := f.Span()
	first, last = first/1000*1000, last/1000*1000
	a := r.Added.Aggregate
	if a.Count == 0 {
		dur := float64(last-first) / 1e9
		a = argus.Aggregate{Count: 1, Active: argus.Statistic{Mean: dur, Min: dur, Max: dur, Sum: dur}}
	}
	sport, dport := "", ""
	if f.Proto == 6 || f.Proto == 17 {
		sport, dport = strconv.Itoa(int(f.SrcPort)), strconv.Itoa(int(f.DstPort))
	}
	stamp := func(ns int64) string { return fmt.Sprintf("%d.%06d", ns/1e9, ns/1e3%1e6) }
	return raRow(fmt.Sprintf("%s,%s,%s,%s,%s,%d,%d,%d,%d,%d,%d,%d,%s,%s,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f", protoNumber(&f.Key), address(&f.Key, f.Src), sport, address(&f.Key, f.Dst), dport,
		a.Count, s.Packets, d.Packets, s.Bytes, d.Bytes, s.Payload, d.Payload, stamp(first), stamp(last), float64(last-first)/1e9,
		a.Active.Mean, a.Active.Min, a.Active.Max, a.Active.StdDev, a.Active.Sum))
}

func protoNumber(k *flow.Key) string {
	switch k.Family {
	case flow.FamilyARP:
		return "2054"
	case flow.FamilyRARP:
		return "32821"
	case flow.FamilyEthernet:
		return strconv.Itoa(int(k.Type))
	}
	return strconv.Itoa(int(k.Proto))
}

func address(k *flow.Key, a [16]byte) string {
	switch k.Family {
	case flow.FamilyIPv6:
		return netip.AddrFrom16(a).String()
	case flow.FamilyEthernet, flow.FamilyRARP:
		return "" // see raRow
	}
	return netip.AddrFrom4([4]byte(a[:4])).String()
}

// compareRows returns how many rows both have, and the rest of each. Numbers with a fraction may differ by what 32 bits round.
func compareRows(got, want []string) (same int, ours, theirs []string) {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	used := make([]bool, len(got))
	byCount := map[string][]int{}
	whole := func(row string) string { // without the addresses
		f := strings.Split(row, ",")
		return f[0] + " " + f[2] + " " + strings.Join(f[4:12], " ")
	}
	for i, row := range got {
		byCount[whole(row)] = append(byCount[whole(row)], i)
	}
next:
	for _, row := range want {
		for _, i := range byCount[whole(row)] {
			if !used[i] && nearRow(got[i], row) {
				used[i] = true
				same++
				continue next
			}
		}
		theirs = append(theirs, row)
	}
	for i, row := range got {
		if !used[i] {
			ours = append(ours, row)
		}
	}
	return same, ours, theirs
}

func nearRow(a, b string) bool {
	x, y := strings.Split(a, ","), strings.Split(b, ",")
	if len(x) != len(y) || !commonWords(x[1], y[1]) || !commonWords(x[3], y[3]) {
		return false
	}
	x, y = x[12:], y[12:]
	var our, their [8]float64 // stime ltime dur mean min max stddev sum
	for i := range x {
		var err, werr error
		our[i], err = strconv.ParseFloat(x[i], 64)
		their[i], werr = strconv.ParseFloat(y[i], 64)
		if err != nil || werr != nil {
			return false
		}
	}
	for i, v := range our {
		w, most := their[i], 2e-6
		switch {
		case i == 1 || i == 2 && their[1] < our[1]:
			if w < v*(1+1e-6) {
				continue // racluster forgets the end of a destination that had one packet
			}
		case i > 1:
			most += 3e-6*v + 4e-4*our[3]*float64(i/6) // it reckons with 32 bits
		}
		if max(v-w, w-v) > most {
			return false
		}
	}
	return true
}

// commonWords tells whether two addresses are the same, but for what racluster leaves out: what IPv6 addresses have in common
// it counts in 32 bits, and leaves some of what follows.
func commonWords(our, their string) bool {
	a, err := netip.ParseAddr(our)
	b, berr := netip.ParseAddr(their)
	switch {
	case err != nil || berr != nil:
		return our == their
	case a.IsUnspecified() && b.IsUnspecified():
		return true // of two families racluster leaves one
	case a.Is4() || b.Is4():
		return a == b
	}
	x, y := a.As16(), b.As16()
	for i := 0; i < 16; i += 4 {
		if our, their := [4]byte(x[i:]), [4]byte(y[i:]); our != their && our != [4]byte{} && their != [4]byte{} {
			return false
		}
	}
	return true
}
