package engines

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/gofrs/uuid/v5"
)

// duckScript prints what DuckDB answers to each statement that it is given, as one line of JSON.
const duckScript = `
const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
	const c = await (await DuckDBInstance.create(':memory:')).connect();
	await c.run("SET timezone = 'UTC'");
	for (const sql of JSON.parse(require('fs').readFileSync(0)))
		console.log(JSON.stringify((await c.runAndReadAll(sql)).getRowsJson()));
})().catch(e => { console.error(e.message); process.exit(1); });
`

// duck asks DuckDB. Every value comes as text.
func duck(t *testing.T, statements ...string) (answers [][][]string) {
	t.Helper()
	modules, err := filepath.Abs(tools + "duckdb/node_modules")
	if err == nil {
		_, err = os.Stat(modules)
	}
	if err != nil {
		t.Fatalf("no DuckDB: run make engines: %v", err)
	}
	asked, err := json.Marshal(statements)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "-e", duckScript)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stdin = strings.NewReader(string(asked))
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("DuckDB: %s\n%s", failed.Stderr, strings.Join(statements, "\n"))
	} else if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		var values [][]any
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			t.Fatal(err)
		}
		var rows [][]string
		for _, row := range values {
			var texts []string
			for _, v := range row {
				texts = append(texts, fmt.Sprint(v))
			}
			rows = append(rows, texts)
		}
		answers = append(answers, rows)
	}
	return answers
}

// TestDuckDBReadsTheStore asks DuckDB and the store's own queries the same, of files as they are written, and then of merged ones.
func TestDuckDBReadsTheStore(t *testing.T) {
	dir := t.TempDir()
	writeFirstVersion(t, dir)
	s := openStore(t, dir)
	fill(t, s)
	t.Run("fresh", func(t *testing.T) {
		compareEngines(t, dir, func(table string, _ []string) string { return "'" + filepath.Join(dir, table, "*", "*.parquet") + "'" })
	})
	for more := true; more; {
		var err error
		if more, err = s.Compact(t.Context(), time.Now().Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("merged", func(t *testing.T) { // those that were merged are still there
		compareEngines(t, dir, func(_ string, names []string) string {
			return "['" + dir + "/" + strings.Join(names, "', '"+dir+"/") + "']"
		})
	})
}

// compareEngines asks both engines. files says which files of a table DuckDB reads; names are those that the manifest names.
func compareEngines(t *testing.T, dir string, files func(table string, names []string) string) {
	b, err := store.OpenBucket(dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := store.OpenView(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	tables := map[string][]string{}
	for _, f := range v.Files() {
		table, _, _ := strings.Cut(f.Name, "/")
		tables[table] = append(tables[table], f.Name)
	}
	from := func(table string) string {
		return "read_parquet(" + files(table, tables[table]) + ", hive_partitioning = true, union_by_name = true)"
	}
	hour := base.Add(time.Hour)
	answers := duck(t,
		`SELECT count(*), count(DISTINCT (monitor, epoch, sequence)), sum(sbytes + dbytes), sum(spkts + dpkts), epoch_us(min(stime)), epoch_us(max(ltime)), max(flowid),
			sum(sport::BIGINT + dport), count(DISTINCT label), max(epoch) FROM `+from("flows"),
		`SELECT daddr, sum(sbytes + dbytes) AS bytes FROM `+from("flows")+` GROUP BY daddr ORDER BY bytes DESC, daddr LIMIT 10`,
		`SELECT count(*), sum(sbytes) FROM `+from("flows")+` WHERE hour = '`+hour.UTC().Format("2006-01-02T15")+`' AND monitor = '`+monitors[1].String()+`' AND dport = 443 AND proto = 17`,
		// docs/store.md: what other columns say
		`SELECT sum(sbytes - 14 * spkts - coalesce(sl2more, sl2bytes - 14 * spkts)) FROM `+from("flows"),
		`SELECT sum(epoch_us(stime) + dafter + CASE WHEN dpkts = 1 THEN epoch_us(ltime) - epoch_us(stime) - dbefore WHEN age = 0 THEN synack ELSE 0 END) FROM `+from("flows")+` WHERE dpkts > 0`,
		`SELECT kind, count(*), sum(epoch_us(ltime)) FROM `+from("events")+` GROUP BY kind ORDER BY kind`,
		`SELECT count(*), sum(records), sum(packets), sum(epoch_us(ltime) - epoch_us(stime)), min(reason) FROM `+from("gaps"),
		`SELECT column_name, column_type FROM (DESCRIBE SELECT stime, proto, sport, sbytes, flowid, saddr, presence, synack, sgap, duser, dintpktidl FROM `+from("flows")+`)`,
	)
	want := ownAnswers(t, v, hour)
	want = append(want, [][]string{{"stime", "TIMESTAMP WITH TIME ZONE"}, {"proto", "UTINYINT"}, {"sport", "USMALLINT"}, {"sbytes", "BIGINT"}, {"flowid", "UBIGINT"},
		{"saddr", "VARCHAR"}, {"presence", "UINTEGER"}, {"synack", "BIGINT"}, {"sgap", "INTEGER"}, {"duser", "BLOB"}, {"dintpktidl", "UINTEGER"}})
	for i := range want {
		if !slices.EqualFunc(answers[i], want[i], slices.Equal) {
			t.Errorf("question %d: DuckDB says\n%v, we\n%v", i+1, answers[i], want[i])
		}
	}
	t.Logf("%d files, %s flows: %d questions have the same answers", len(v.Files()), answers[0][0][0], len(want))
}

// ownAnswers answers the questions of compareEngines but the last by the store's own queries.
func ownAnswers(t *testing.T, v *store.View, hour time.Time) [][][]string {
	var n, octets, packets, ports, ip, second, inHour, inHourBytes, gaps, gapRecords, gapPackets, gapTime uint64
	var firstTime, lastTime int64
	var flowid uint64
	top, labels := map[string]uint64{}, map[string]bool{}
	for r, err := range v.Scan(store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		f, s, d := &r.Flow, &r.Flow.Side[0], &r.Flow.Side[1]
		begin, end := f.Span()
		n, octets, packets, ip = n+1, octets+s.Bytes+d.Bytes, packets+s.Packets+d.Packets, ip+s.IPBytes
		ports += uint64(f.SrcPort) + uint64(f.DstPort)
		if firstTime == 0 || begin/1000 < firstTime {
			firstTime = begin / 1000
		}
		lastTime, flowid = max(lastTime, end/1000), max(flowid, f.ID)
		top[f.DstAddr().String()] += s.Bytes + d.Bytes
		labels[string(r.Label)] = true
		if d.Packets > 0 {
			second += uint64(d.First / 1000)
		}
		id, _ := r.Monitor.UUID()
		if id == monitors[1] && f.DstPort == 443 && f.Proto == flow.ProtoUDP && begin/1000 >= hour.UnixMicro() && begin/1000 < hour.Add(time.Hour).UnixMicro() {
			inHour, inHourBytes = inHour+1, inHourBytes+s.Bytes
		}
	}
	for m, err := range v.Missing(time.Time{}, time.Time{}, uuid.Nil) {
		if err != nil {
			t.Fatal(err)
		}
		gaps, gapRecords, gapPackets, gapTime = gaps+1, gapRecords+m.Records, gapPackets+m.Packets, gapTime+uint64(m.To.Sub(m.From).Microseconds())
	}
	row := func(values ...any) []string {
		var texts []string
		for _, v := range values {
			texts = append(texts, fmt.Sprint(v))
		}
		return texts
	}
	var most [][]string
	for a, bytes := range top {
		most = append(most, row(a, bytes))
	}
	slices.SortFunc(most, func(a, b []string) int {
		if top[a[0]] != top[b[0]] {
			return int(min(1, max(-1, int64(top[b[0]]-top[a[0]]))))
		}
		return strings.Compare(a[0], b[0])
	})
	status, statusTime := 0, int64(0)
	for n := range 30 {
		status, statusTime = status+len(monitors), statusTime+int64(len(monitors))*base.Add(time.Duration(n)*6*time.Minute).UnixMicro()
	}
	return [][][]string{
		{row(n, n, octets, packets, firstTime, lastTime, flowid, ports, len(labels), "fedcba9876543210")},
		most[:10],
		{row(inHour, inHourBytes)},
		{row(ip)},
		{row(second)},
		{row("status", status, statusTime)},
		{row(gaps, gapRecords, gapPackets, gapTime, "asleep")},
	}
}
