package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// kept is a report from the spool.
type kept struct {
	cause flow.Cause
	report
}

func (r *running) keepReport(t *testing.T, ev *argus.Event) {
	t.Helper()
	text, ours := bytes.CutPrefix(ev.Data, []byte(program))
	k := kept{cause: ev.Cause}
	if !ours || json.Unmarshal(text, &k.report) != nil || (k.Interface == nil && k.Totals == nil) != (k.Event != nil) {
		t.Fatalf("event %q", ev.Data)
	}
	if k.Event != nil && k.Event.Change != "" {
		r.facts = append(r.facts, *k.Event)
		return
	}
	if k.Event != nil {
		r.events = append(r.events, *k.Event)
		return
	}
	r.reports = append(r.reports, k)
}

// closes checks the sums that docs/status-record.md promises.
func (a *Accounts) closes(t *testing.T, where string) {
	t.Helper()
	by := uint64(0)
	for reason, n := range a.UnmeteredBy {
		by += n
		if n > a.Malformed[reason] {
			t.Errorf("%s: %d frames not metered, %d malformed: %s", where, n, a.Malformed[reason], reason)
		}
	}
	if a.Captured != a.Metered+a.Unmetered || a.Unmetered != by || a.Records < a.OwnUplink.Records+a.Excluded.Records+a.Spooled+a.Lost {
		t.Errorf("%s: the sums do not close: %+v", where, a)
	}
}

// closes checks the sum of the records too.
func (s *Totals) closes(t *testing.T, where string) {
	t.Helper()
	s.Accounts.closes(t, where)
	if s.Inherited+s.Spooled+s.Reports != s.Durable+s.Discarded+s.Pending {
		t.Errorf("%s: the records do not add up: %+v", where, s)
	}
}

// tun makes an interface without link layer, from which n packets of IP version 2 come when the function it returns is called.
func tun(t *testing.T, name string) func(n int) {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	req, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	req.SetUint16(unix.IFF_TUN)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		t.Fatal(err)
	}
	netns.IP(t, "link set %s up", name)
	packet := append([]byte{0, 0, 0x08, 0x00}, bytes.Repeat([]byte{0x21}, 40)...) // flags and ethertype stand before it
	return func(n int) {
		for range n {
			if _, err := unix.Write(fd, packet); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// After traffic, malformed frames among it, an interface that goes away and a stop: every status record closes, the last ones
// tell what the flow records add up to, and the management records say the same.
func TestStatusRecordsClose(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := newPeer(t)
	p.link(t, "va", 1)
	p.link(t, "a-long-name", 2)
	junk := tun(t, "tun7")
	r := start(t, func(c *Config) { c.MARInterval = 100 * time.Millisecond; c.StatusInterval = time.Second })
	r.meters(5*time.Second, "a-long-name", "lo", "tun7", "va")
	udp(t, "10.1.0.2:4000", 10, 100)
	udp(t, "10.2.0.2:4000", 20, 100)
	udp(t, "127.0.0.1:9", 30, 100)
	junk(7)
	echo(t, "10.1.0.2", 3)
	netns.IP(t, "link del a-long-name")
	r.meters(5*time.Second, "lo", "tun7", "va")
	await.Event(t, 5*time.Second, "the frames are counted", func() bool {
		s, err := ReadStatus(t.Context(), r.c.State)
		return err == nil && s.Totals.Captured >= 10+20+30+7+6
	})
	r.end()

	flows, _ := r.spooled()
	packets, records := map[string]uint64{}, map[string]uint64{}
	for key, s := range flows {
		var inf string
		fmt.Sscan(key, &inf)
		packets[inf] += s.spkts + s.dpkts
		records[inf] += s.records
	}
	var sum Accounts
	stops, said := map[string]int{}, map[string]*InterfaceStatus{}
	for i, k := range r.reports {
		switch where := fmt.Sprintf("report %d, cause %#x", i, k.cause); {
		case k.Totals != nil:
			k.Totals.closes(t, where)
		case k.Interface.Since == nil || k.Interface.Kind == "" || k.Version != "test" || k.Started.IsZero():
			t.Errorf("%s: %+v", where, k.report)
		default:
			in := k.Interface
			in.closes(t, where+" of "+in.Name)
			if k.cause == flow.CauseStatus && in.Metered && reflect.DeepEqual(in, said[in.Name]) {
				t.Errorf("%s of %s says what the one before said", where, in.Name)
			}
			said[in.Name] = in
			if stops[in.Name] > 0 {
				t.Errorf("%s of %s after its last", where, in.Name)
			}
			if k.cause != flow.CauseStop {
				break
			}
			stops[in.Name]++
			if in.Metered || in.FlowsOpen != 0 || in.Accounts.Metered != packets[in.Short] || in.Spooled != records[in.Short] ||
				in.Records != in.OwnUplink.Records+in.Spooled+in.Lost {
				t.Errorf("%s: its flows have %d packets in %d records: %+v", in.Name, packets[in.Short], records[in.Short], in)
			}
			sum.add(&in.Accounts)
		}
	}
	if want := map[string]int{"lo": 1, "va": 1, "tun7": 1, "a-long-name": 1}; !reflect.DeepEqual(stops, want) {
		t.Errorf("last reports %v, want %v", stops, want)
	}
	first, last := r.reports[0], r.reports[len(r.reports)-1]
	if first.cause != flow.CauseStart || first.Totals == nil || first.Totals.Captured != 0 {
		t.Errorf("the first report: %+v", first)
	}
	if last.cause != flow.CauseStop || last.Totals == nil || !reflect.DeepEqual(last.Totals.Accounts, sum) || sum.Unmetered != 7 {
		t.Errorf("the last report has totals %+v, the interfaces %+v", last.Totals, sum)
	}
	if r.received != sum.Captured {
		t.Errorf("the management records have %d frames received, the reports %d", r.received, sum.Captured)
	}
}

// add adds the counters of another interface that is no more.
func (a *Accounts) add(o *Accounts) {
	a.Bytes += o.Bytes
	a.Captured, a.RingDropped, a.Metered, a.Unmetered = a.Captured+o.Captured, a.RingDropped+o.RingDropped, a.Metered+o.Metered, a.Unmetered+o.Unmetered
	a.Flows, a.Evicted, a.Records, a.Spooled, a.Lost = a.Flows+o.Flows, a.Evicted+o.Evicted, a.Records+o.Records, a.Spooled+o.Spooled, a.Lost+o.Lost
	add := func(to *map[string]uint64, from map[string]uint64) {
		for reason, n := range from {
			if *to == nil {
				*to = map[string]uint64{}
			}
			(*to)[reason] += n
		}
	}
	add(&a.UnmeteredBy, o.UnmeteredBy)
	add(&a.Malformed, o.Malformed)
}
