package collector

import (
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/pki"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/gofrs/uuid/v5"
)

// TestOriginsOfAHost: files and sensors in the name of an agent do not make it be heard, nor files in that of a sensor; they are listed.
func TestOriginsOfAHost(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	ago := func(m int) time.Time { return now.Add(-time.Duration(m) * time.Minute) }
	id := uuid.Must(uuid.NewV4())
	mark := func(epoch uint64, origin string, first, last int) store.Mark {
		return store.Mark{Monitor: id, Epoch: 1, Sequence: epoch, Records: 10, First: ago(first), Last: ago(last), Origin: origin}
	}
	agent, sensor, file := mark(1, "", 90, 60), mark(2, store.Radium, 120, 10), mark(3, store.Import, 1, 0)
	enrolled := map[uuid.UUID]*pki.Monitor{id: {ID: id, Name: "web-7", Key: "k", Enrolled: ago(200)}}
	for name, c := range map[string]struct {
		monitors map[uuid.UUID]*pki.Monitor
		marks    []store.Mark
		state    HostState
		origin   string
		last     int
	}{
		"agent":                 {enrolled, []store.Mark{sensor, agent, file}, HostSilent, "", 60},
		"agent, nothing of it":  {enrolled, []store.Mark{file, sensor}, HostSilent, "", -1},
		"agent of another time": {nil, []store.Mark{file, agent, sensor}, HostUnknown, "", 60},
		"sensor":                {nil, []store.Mark{file, sensor, file}, HostSilent, store.Radium, 10},
		"file":                  {nil, []store.Mark{file}, HostImported, store.Import, 0},
	} {
		h := meet(c.monitors, c.marks)[id]
		h.Heard = h.Last
		b := books{}
		condition := b.conditions[id]
		h.judge(c.monitors[id], &condition, &Query{Now: now, Silent: 5 * time.Minute})
		if h.State != c.state || h.Origin != c.origin || h.Records != uint64(10*len(c.marks)) || len(h.Epochs) != len(c.marks) ||
			(c.last < 0) != h.Last.IsZero() || c.last >= 0 && !h.Last.Equal(ago(c.last)) {
			t.Errorf("%s: %s of origin %q, last %v, %d records, epochs %+v", name, h.State, h.Origin, h.Last, h.Records, h.Epochs)
		}
	}
}

// TestFilesInTheNameOfAnAgent: the agent's own epoch and account stay as they were.
func TestFilesInTheNameOfAnAgent(t *testing.T) {
	c := testConfig(t)
	s, _ := start(t, c)
	a := newAgent(t, token(t, s))
	a.post(a.batch(5))
	flushAll(t, s)
	before := hostNamed(t, &s.config.Place, a.id)
	content := flowFile(t, argus.V5, a.id.String(), 100, 20)
	if d := importAll(t, s.config.Place, put(t, "a.arg", content))[0]; d.New != 21 {
		t.Errorf("%+v", d)
	}
	x := newSensor(t, argus.V5, a.id.String())
	stop := collect(t, c, x.l.Addr().String())
	x.send <- append(x.status(16), x.flows(3)...)
	awaitStored(t, s, 5+20+3)
	stop()
	after := hostNamed(t, &s.config.Place, a.id)
	if after.State != before.State || after.Origin != "" || !after.Last.Equal(before.Last) || after.Sequence != before.Sequence || len(after.Epochs) != 3 || len(after.gaps) != len(before.gaps) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	a.post(a.batch(5)) // and it goes on
	awaitStored(t, s, 5+20+3+5)
}

func hostNamed(t testing.TB, p *Place, id uuid.UUID) Host {
	t.Helper()
	now := time.Now()
	hosts, err := Hosts(t.Context(), p, Query{Since: now.Add(-time.Hour), Until: now, Now: now, Silent: time.Minute, Only: map[string]bool{id.String(): true}})
	if err != nil || len(hosts) != 1 {
		t.Fatalf("%v, %+v", err, hosts)
	}
	return hosts[0]
}
