package collector

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/gofrs/uuid/v5"
	"go.uber.org/zap"
)

// flowFile makes an Argus file of one sensor's flows, whose packets count from first on; its flows are an hour apart and begin years ago.
func flowFile(t testing.TB, version argus.Version, sensor string, first, n int) []byte {
	t.Helper()
	enc := argus.Encoder{Version: version, Monitor: SensorID(sensor).Host()}
	begin := time.Date(2021, 3, 1, 0, 30, 0, 0, time.UTC)
	b := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Start: begin.UnixNano(), Now: begin.UnixNano()})
	for i := range n {
		at := begin.Add(time.Duration(i) * time.Hour).UnixNano()
		f := flow.Record{Cause: flow.CauseStart, Start: at, Key: flow.Key{Family: flow.FamilyIPv4, Proto: flow.ProtoUDP, DstPort: 53}}
		f.Src[0], f.Dst[0] = 10, 11
		f.Side[0] = flow.Side{Packets: uint64(first + i), Bytes: 100, IPBytes: 86, First: at, Last: at}
		b = enc.AppendFlow(b, &f)
	}
	return b
}

func put(t testing.TB, name string, content []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func zipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestImportBesideACollector: the records come in through the one that runs, once, whatever the file is called, and stand in the hours of
// their flows.
func TestImportBesideACollector(t *testing.T) {
	c := testConfig(t)
	s, stop := start(t, c)
	live, err := Follow(t.Context(), &c.Place, uuid.Nil)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	content := flowFile(t, argus.V3, "192.0.2.7", 1, 48)
	first := importAll(t, c.Place, put(t, "a.arg", content))[0]
	if first.New != 49 || first.Records != 49 || first.Sensors != 1 || first.Format != "argus" || first.Error != "" {
		t.Errorf("%+v", first)
	}
	if again := importAll(t, c.Place, put(t, "b.gz", zipped(t, content)))[0]; again.New != 0 || again.Records != 49 || again.Error != "" {
		t.Errorf("again: %+v", again)
	}
	a := newAgent(t, token(t, s))
	a.post(a.batch(1))
	if r, err := argus.NewReader(live).Next(); err != nil || r.Monitor.Host() != a.id { // not what is of another time
		t.Errorf("live came first %+v, %v", r, err)
	}
	live.Close()
	stop()
	if alone := importAll(t, c.Place, put(t, "c.arg", content))[0]; alone.New != 0 {
		t.Errorf("without a collector: %+v", alone)
	}
	wantOneToN(t, c.State, SensorID("192.0.2.7").Host(), 48)
	v, err := c.OpenView(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	hours := map[time.Time]bool{}
	for _, f := range v.Files() {
		if !f.Events && f.Hour.Year() == 2021 {
			hours[f.Hour] = true
		}
	}
	if first := time.Date(2021, 3, 1, 0, 0, 0, 0, time.UTC); len(hours) != 48 || !hours[first] || !hours[first.Add(47*time.Hour)] {
		t.Errorf("partitions %v", hours)
	}
	now := time.Now()
	hosts, err := Hosts(t.Context(), &c.Place, Query{Since: now.Add(-time.Hour), Until: now, Now: now, Silent: time.Minute})
	hosts = slices.DeleteFunc(hosts, func(h Host) bool { return h.Monitor == a.id })
	if err != nil || len(hosts) != 1 || hosts[0].State != HostImported || hosts[0].Name != "192.0.2.7" || hosts[0].Complete.Percent != nil {
		t.Errorf("%v, %+v", err, hosts)
	}
}

// TestImportOfManyFiles: more than the epochs that are remembered of an agent, and all are known again after the store was tidied up.
func TestImportOfManyFiles(t *testing.T) {
	place := Place{State: filepath.Join(t.TempDir(), "state")}
	dir := t.TempDir()
	var names []string
	for i := range 1200 {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, flowFile(t, argus.V5, "7", i+1, 1), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	importAll(t, place, names...)
	b, err := store.OpenBucket(place.StoreLocation())
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := store.Open(t.Context(), b, 0, store.Config{})
	if err == nil {
		err = s.Sweep(t.Context(), time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, d := range importAll(t, place, names...) {
		if d.New != 0 {
			t.Fatalf("%+v", d)
		}
	}
	wantOneToN(t, place.State, SensorID("7").Host(), 1200)
}

// TestImportOfWhatIsNotRight says what is wrong with each, keeps what is right, and goes on.
func TestImportOfWhatIsNotRight(t *testing.T) {
	whole := flowFile(t, argus.V5, "7", 1, 20)
	log := "#separator \\x09\n#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n1.5\t10.0.0.1\t1\t10.0.0.2\t2\tudp\nrubbish\n2.5\t10.0.0.1\t1\t10.0.0.2\t2\tudp\n"
	cases := []struct {
		name    string
		content []byte
		new     uint64
		bad     uint64
		err     string
	}{
		{"cut", whole[:len(whole)-30], 20, 0, "unexpected EOF"},
		{"cutgz", zipped(t, flowFile(t, argus.V5, "8", 1, 500))[:3000], 0, 0, "unexpected EOF"},
		{"empty", nil, 0, 0, "empty"},
		{"text", []byte("2026-11-22 a log of something else"), 0, 0, "neither"},
		{"dnslog", []byte("#separator \\x09\n#path\tdns\n"), 0, 0, "only conn"},
		{"zeek", []byte(log), 2, 1, ""},
		{"whole", whole, 21, 0, ""},
	}
	place := Place{State: filepath.Join(t.TempDir(), "state")}
	var names []string
	for _, c := range cases {
		names = append(names, put(t, c.name, c.content))
	}
	for i, d := range importAll(t, place, append(names, "/does/not/exist")...) {
		if i == len(cases) {
			if d.Error == "" {
				t.Error("a file that is not there")
			}
			continue
		}
		c := cases[i]
		if d.Bad != c.bad || (c.err == "") != (d.Error == "") || !strings.Contains(d.Error, c.err) || d.New != c.new && c.name != "cutgz" {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
}

// TestImportEndsWithItsContext at once, also while the collector takes nothing.
func TestImportEndsWithItsContext(t *testing.T) {
	c := testConfig(t)
	_, stop := start(t, c)
	g, err := OpenIngest(t.Context(), c, false, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewImporter(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := m.File(ctx, put(t, "a.arg", flowFile(t, argus.V5, "7", 1, 3))); err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestSensorID(t *testing.T) {
	for text, want := range map[string]string{"192.0.2.7": "192.0.2.7", "4711": "4711", "berlin": "berl", "": "", "0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a": "0b6e4a57-2a3c-4f0e-9d3e-6f1e2d3c4b5a"} {
		id := SensorID(text)
		if back := argus.HostID(id.Host()); id.String() != want || back != id {
			t.Errorf("%q is %v, from its host %v", text, id, back)
		}
	}
}

// TestImportIntoACluster: the records go into the cluster's journal, and its writers know them again.
func TestImportIntoACluster(t *testing.T) {
	url, _ := natsServer(t)
	c := testConfig(t)
	c.Nats, c.Streams, c.Store = journal.Cluster{URLs: []string{url}}, 2, c.StoreLocation()
	s, _ := start(t, c)
	await.Event(t, 20*time.Second, "the writers have their shards", func() bool { return Flush(t.Context(), &s.config.Place) == nil })
	name := put(t, "a.arg", flowFile(t, argus.V3, "192.0.2.7", 1, 30))
	if d := importAll(t, s.config.Place, name)[0]; d.New != 31 || d.Error != "" {
		t.Errorf("%+v", d)
	}
	if d := importAll(t, s.config.Place, name)[0]; d.New != 0 || d.Records != 31 {
		t.Errorf("again: %+v", d)
	}
	wantOneToN(t, c.State, SensorID("192.0.2.7").Host(), 30)
}

// TestImportOfAFileThatIsWritten says so: nobody knows what it was.
func TestImportOfAFileThatIsWritten(t *testing.T) {
	g, err := OpenIngest(t.Context(), testConfig(t), true, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	m, err := NewImporter(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	name := put(t, "a.arg", flowFile(t, argus.V5, "7", 1, 10))
	looks := 0
	m.Progress = func(_ string, read, size int64) {
		if looks++; looks != 2 { // the end of the file, the first time
			return
		}
		if err := os.WriteFile(name, flowFile(t, argus.V5, "7", 1, 11), 0o600); err != nil {
			t.Error(err)
		}
	}
	if d, err := m.File(t.Context(), name); err != nil || !strings.Contains(d.Error, "changed while it was read") {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestImportLeavesTheCollectorItsPlace: when the one for agents has ended an import waits for it, and keeps nobody from starting it again; it has
// ended too when it was killed over a request.
func TestImportLeavesTheCollectorItsPlace(t *testing.T) {
	c := testConfig(t)
	_, end := start(t, c)
	g, err := OpenIngest(t.Context(), c, true, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewImporter(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	end()
	killed, err := listenAdmin(c.State)
	if err != nil {
		t.Fatal(err)
	}
	imported := make(chan error, 1)
	go func() {
		d, err := m.File(t.Context(), put(t, "a.arg", flowFile(t, argus.V5, "7", 1, 3)))
		if err == nil && d.New != 4 {
			err = fmt.Errorf("%+v", d)
		}
		imported <- err
	}()
	conn, err := killed.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	killed.Close()
	s, _ := start(t, c)
	if err := <-imported; err != nil {
		t.Error(err)
	}
	awaitStored(t, s, 3)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}
