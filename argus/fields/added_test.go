package fields

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// added returns records of what sensors and clients of other kinds write.
func added() []*argus.Record {
	record := func(change func(r *argus.Record)) *argus.Record {
		r := &argus.Record{Kind: argus.KindFlow, Version: argus.V5, Cause: flow.CauseStatus}
		f := &r.Flow
		f.Family, f.Proto, f.SrcPort, f.DstPort = flow.FamilyIPv4, flow.ProtoUDP, 5000, 5001
		copy(f.Src[:], []byte{10, 1, 0, 1})
		copy(f.Dst[:], []byte{10, 1, 0, 2})
		const start = 1_700_000_000_000_000_000
		f.Side[0] = flow.Side{Packets: 10, Bytes: 600, First: start, Last: start + 2e9}
		f.Side[1] = flow.Side{Packets: 5, Bytes: 300, First: start + 1e9, Last: start + 3e9}
		change(r)
		return r
	}
	return []*argus.Record{
		record(func(r *argus.Record) {
			a := &r.Added
			a.Guess, a.Lost, a.UDT = argus.GuessUDT, [2]uint32{124, 0}, argus.UDT{Window: 117, Solo: 120, First: 121, Retrans: 125, Nacks: 126}
		}),
		record(func(r *argus.Record) { r.Added.Guess = argus.GuessRTCP }),
		record(func(r *argus.Record) { r.Added.Fragment = 'f' }),
		record(func(r *argus.Record) {
			a := &r.Added
			a.AS, a.Country = [3]uint32{64512, 15169, 3356}, [2][2]byte{{'D', 'E'}, {'U', 'S'}}
		}),
		record(func(r *argus.Record) {
			r.Added.Aggregate = argus.Aggregate{Count: 3, Active: argus.Statistic{N: 3, Min: 1, Mean: 2, StdDev: 0.5, Max: 3, Sum: 6},
				Idle: argus.Statistic{N: 2, Min: 0.25, Mean: 0.5, StdDev: 0.25, Max: 0.75, Sum: 1}}
		}),
	}
}

// TestAddedLikeRa: ra prints the same of them.
func TestAddedLikeRa(t *testing.T) {
	e := argus.Encoder{Version: argus.V3}
	b := e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Start: time.Now().UnixNano(), Now: time.Now().UnixNano()})
	for _, r := range added() {
		b = e.AppendRecord(b, r)
	}
	file := filepath.Join(t.TempDir(), "added.arg")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	style := Style{Numbers: true, Epoch: true, Precision: 6, Separator: "\t"}
	for name := range strings.FieldsSeq("proto flgs swin loss sloss dloss ploss sploss dploss retrans sretrans dretrans pretrans spretrans dpretrans " +
		"nacks snacks dnacks pnacks spnacks dpnacks solo ssolo dsolo psolo spsolo dpsolo first sfirst dfirst pfirst spfirst dpfirst " +
		"sas das ias sco dco trans mean min max sum runtime stddev dldur") {
		theirs, ours := raColumn(t, file, name), rows(t, file, name, style)
		for i := range ours[1:] {
			if !sameValue(name, ours[i+1], theirs[i+1]) {
				t.Errorf("%s of record %d is %q, ra has %q", name, i+1, ours[i+1], theirs[i+1])
			}
		}
	}
}

// TestAdded: what ra 3 does not print.
func TestAdded(t *testing.T) {
	label := func(text string) func(r *argus.Record) {
		return func(r *argus.Record) { r.Label = []byte(text) }
	}
	for _, c := range []struct {
		name   string
		change func(r *argus.Record)
		want   string // FIELD=VALUE
	}{
		{"geo", func(r *argus.Record) {
			r.Added.Position = [3]argus.Position{{Latitude: 37.5, Longitude: -122.25, Known: true}, {}, {Latitude: -1, Longitude: 2, Known: true}}
		}, "slat=37.500000 slon=-122.250000 dlat= dlon= ilat=-1.000000 ilon=2.000000"},
		{"unknown locality", func(*argus.Record) {}, "sloc= dloc= loc= laddr=10.0.0.1 raddr=10.0.0.2"},
		{"source is near", func(r *argus.Record) { r.Has, r.Added.Locality = argus.HasLocality, [2]int8{5, -1} }, "sloc=5 dloc=-1 loc=5 laddr=10.0.0.1 raddr=10.0.0.2"},
		{"destination is near", func(r *argus.Record) { r.Has, r.Added.Locality = argus.HasLocality, [2]int8{1, 4} }, "sloc=1 dloc=4 loc=4 laddr=10.0.0.2 raddr=10.0.0.1"},
		{"both are near", func(r *argus.Record) { r.Has, r.Added.Locality = argus.HasLocality, [2]int8{3, 3} }, "laddr=10.0.0.1 raddr=10.0.0.2"},
		{"JSON label", label(`{"proc":"x","sgrp":"web servers","dgrp": "db"}`), "sgrp=web_servers dgrp=db"},
		{"legacy label", label("proc=x:sgrp=web:dgrp=db,dc"), "sgrp=web dgrp=db"},
		{"no group", label("sgrp"), "sgrp= dgrp="},
		{"merged", func(r *argus.Record) {
			r.Added.Aggregate = argus.Aggregate{Count: 3, Idle: argus.Statistic{N: 2, Min: 0.25, Mean: 0.5, StdDev: 0.125, Max: 0.75}}
		}, "trans=3 idlemin=0.250000 idlemean=0.500000 idlestddev=0.125000 idlemax=0.750000 mean=0.000000"},
		{"one record", func(*argus.Record) {}, "trans=1 idlemin= idlemean= idlestddev= idlemax= mean=2.000000 stddev=0.000000 min=2.000000 max=2.000000 sum=2.000000 runtime=2.000000"},
		{"seen elsewhere", func(r *argus.Record) {
			r.Added.Correlate = argus.Correlate{Count: 2, Monitor: [4]byte{192, 0, 2, 1}, Duration: 1500, Start: -2500, Last: 3500, Packets: [2]int32{7, -3}}
		}, "flgs=________2 cor=192.0.2.1 dldur=0.001500 dlstime=-0.002500 dlltime=0.003500 dlspkt=7 dldpkt=-3 dspkts=7 ddpkts=-3"},
		{"802.11", func(r *argus.Record) {
			r.Flow.Family, r.Added.BSSID = flow.FamilyWLAN, [6]byte{2, 0, 0, 0, 0, 3}
			copy(r.Added.SSID[:], "home")
		}, "proto=wlan saddr=0a:00:00:01:00:00 bssid=02:00:00:00:00:03 ssid=home"},
		{"RTP", func(r *argus.Record) { r.Added.Guess, r.Added.Lost = argus.GuessRTP, [2]uint32{4, 6} }, "proto=rtp sloss=4 dloss=6 loss=10 dploss=100.000000"},
		{"MAC", func(r *argus.Record) {
			r.Flow.HasMAC, r.Flow.SrcMAC, r.Flow.DstMAC = true, [6]byte{0x3a, 1, 2, 3, 4, 5}, [6]byte{1, 0x80, 0xc2}
		}, "smacclass=ELI dmacclass=UM soui=3a:01:02 doui=01:80:c2 smacoui=3a:01:02:03:04:05"},
		{"one side of VXLAN", func(r *argus.Record) { r.Flow.Tunnel.Encaps, r.Flow.Tunnel.ID = flow.EncapsVXLAN, 7 }, "svnid=7 dvnid= tunid=7"},
		{"few hops", func(r *argus.Record) {
			r.Has, r.Flow.Side[0].TTL, r.Flow.Side[1].TTL = argus.HasSrc|argus.HasDst, 20, 129
		}, "shops=12 dhops=126 sttl=20"},
		{"window", func(r *argus.Record) {
			r.Has, r.Flow.Proto = argus.HasTCPOptions, flow.ProtoTCP
			s := &r.Flow.TCP.Side[0]
			s.Window, s.Shift, r.Flow.TCP.SynAck, r.Flow.TCP.Side[1].Window = 1, 255, 1e6, 1000
		}, "swin=16384 stcpmax=0.000000 dwin= sooo="},
		{"no extension", func(r *argus.Record) { r.Flow.Side[0].IPBytes, r.Flow.ID, r.Flow.End = 9, 9, flow.EndIdle }, "sipbytes= flowid= end="},
		{"distributions", func(r *argus.Record) {
			r.Flow.Side[0].Active, r.Flow.Side[1].Idle = flow.Intervals{N: 1, Bins: 0xf0000000}, flow.Intervals{N: 1, Bins: 0x0f000000}
		}, "sintdist=f0000000 dintdist=0f000000 sintdistact=f0000000 sintdistidl= dintdistact= dintdistidl=0f000000"},
		{"counters", func(r *argus.Record) {
			r.Has, r.Flow.Proto = argus.HasExtension, flow.ProtoTCP
			s, d := &r.Flow.TCP.Side[0], &r.Flow.TCP.Side[1]
			s.OutOfOrder, s.Duplicates, s.Gap, d.OutOfOrder, d.Duplicates, d.Gap = 1, 2, 3, 4, 5, 6
		}, "sooo=1 sdupack=2 sunseen=3 dooo=4 ddupack=5 dunseen=6"},
		{"imported", func(r *argus.Record) { r.Has = argus.HasNetFlow }, "flgs=N"},
		{"overlapping fragments", func(r *argus.Record) { r.Added.Fragment = 'V' }, "flgs=______V"},
	} {
		r := &argus.Record{Kind: argus.KindFlow}
		r.Flow.Family, r.Flow.Proto = flow.FamilyIPv4, flow.ProtoUDP
		copy(r.Flow.Src[:], []byte{10, 0, 0, 1})
		copy(r.Flow.Dst[:], []byte{10, 0, 0, 2})
		r.Flow.Side[0] = flow.Side{Packets: 1, First: 1e9, Last: 3e9}
		c.change(r)
		for pair := range strings.FieldsSeq(c.want) {
			name, want, _ := strings.Cut(pair, "=")
			columns, err := Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(string(NewRow(columns, Style{Epoch: true, Precision: 6, Separator: ","}).Append(nil, r)), " ", "_")
			if got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, got, want)
			}
		}
	}
}

// TestLikeRaByKey: what follows from the key alone is ra's for all of them: networks, names of ICMP's messages.
func TestLikeRaByKey(t *testing.T) {
	e := argus.Encoder{Version: argus.V3, Monitor: uuid.UUID{15: 1}}
	b := e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Start: 1e18, Now: 1e18})
	add := func(change func(k *flow.Key)) {
		r := flow.Record{Cause: flow.CauseStatus}
		r.Family, r.Proto = flow.FamilyIPv4, flow.ProtoTCP
		r.Side[0] = flow.Side{Packets: 1, Bytes: 60, First: 1e18, Last: 1e18}
		change(&r.Key)
		b = e.AppendFlow(b, &r)
	}
	for _, first := range []byte{0, 1, 9, 127, 128, 191, 192, 223, 224, 239, 240, 255} {
		add(func(k *flow.Key) { copy(k.Src[:], []byte{first, 1, 2, 3}); k.Dst = k.Src; k.Dst[3] = 9 })
	}
	for kind := range uint16(41) {
		for code := range uint16(20) {
			if kind == 3 || code == 0 {
				add(func(k *flow.Key) { k.Proto, k.Type = flow.ProtoICMP, kind<<8|code })
			}
		}
	}
	for kind := range uint16(150) {
		for code := range uint16(9) {
			if kind == 1 || kind == 3 || code == 0 {
				add(func(k *flow.Key) {
					k.Family, k.Proto, k.Type, k.Src[0], k.Dst[0], k.Dst[15] = flow.FamilyIPv6, flow.ProtoICMPv6, kind<<8|code, 0xfd, 0xfd, 1
				})
			}
		}
	}
	file := filepath.Join(t.TempDir(), "keys.arg")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	style := Style{Numbers: true, Epoch: true, Precision: 6, Separator: "\t"}
	keys := rows(t, file, "proto,saddr,sport,dport", style)
	compared := 0
	for _, name := range []string{"snet", "dnet", "state", "saddr", "sport"} {
		theirs, ours := raColumn(t, file, name), rows(t, file, name, style)
		for i := range ours[1:] {
			compared++
			unassigned := name == "state" && ours[i+1] == "UNK" && theirs[i+1] == "" // types 1, 2 and 7; of others ra says UNK
			if ours[i+1] != theirs[i+1] && !unassigned {
				t.Errorf("%q: %s is %q, ra has %q", keys[i+1], name, ours[i+1], theirs[i+1])
			}
		}
	}
	t.Logf("%d values compared", compared)
}
