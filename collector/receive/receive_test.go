package receive

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/zap"
)

var (
	monitor = uuid.Must(uuid.FromString("01234567-89ab-cdef-0123-456789abcdef"))
	other   = uuid.Must(uuid.FromString("fedcba98-89ab-cdef-0123-456789abcdef"))
	epoch   = wire.Epoch(0xabc)
)

// refusal is an error of an authority, as package pki has them.
type refusal int

func (r refusal) Error() string   { return "refused for the test" }
func (r refusal) HTTPStatus() int { return int(r) }

// authority grants or refuses everything.
type authority struct{ err error }

func (a authority) Verify([]*x509.Certificate) (uuid.UUID, error) { return monitor, a.err }
func (a authority) Enroll(*wire.EnrollRequest) (*wire.EnrollResponse, error) {
	return &wire.EnrollResponse{Certificate: "c"}, a.err
}
func (a authority) Bundle() string                       { return "bundle" }
func (a authority) Delivers(uuid.UUID, wire.Epoch) error { return a.err }
func (a authority) Renew([]*x509.Certificate, *wire.RenewRequest) (*wire.EnrollResponse, error) {
	return &wire.EnrollResponse{Certificate: "c"}, a.err
}

// newHandler returns a handler that grants everything and what it put into the journal.
func newHandler(change func(*Config)) (*Handler, *[]Batch) {
	journal := &[]Batch{}
	c := DefaultConfig()
	c.Authority = authority{}
	c.Log = zap.NewNop()
	c.Append = func(_ context.Context, b *Batch) error { *journal = append(*journal, *b); return nil }
	c.Durable = func(uuid.UUID, wire.Epoch) uint64 { return 42 }
	if change != nil {
		change(&c)
	}
	return NewHandler(c), journal
}

func record(n int) *flow.Record {
	r := &flow.Record{ID: uint64(n), Start: 1e18, Cause: flow.CauseStart, End: flow.EndIdle, Initiator: flow.InitiatorGuessed}
	r.Key = flow.Key{Proto: flow.ProtoUDP, Family: flow.FamilyIPv4, SrcPort: uint16(n), DstPort: 53}
	copy(r.Src[:], []byte{10, 0, 0, 1})
	copy(r.Dst[:], []byte{10, 0, 0, 2})
	r.Side[0] = flow.Side{Packets: 1, Bytes: 80, IPBytes: 66, Payload: 38, First: 1e18, Last: 1e18, TTL: 64}
	return r
}

// stream returns a body before compression: a START record of id and n flows numbered from first.
func stream(t testing.TB, id uuid.UUID, first uint64, n int) []byte {
	t.Helper()
	enc := argus.Encoder{Monitor: id, Interface: "eth0"}
	head := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Sequence: uint32(first)})
	var b []byte
	for i := range n {
		b = enc.AppendFlow(b, record(i))
	}
	if _, err := argus.Number(b, first); err != nil {
		t.Fatal(err)
	}
	return append(head, b...)
}

// labelled returns a body of 10 flows with a label.
func labelled(t testing.TB, label string) []byte {
	enc := argus.Encoder{Monitor: monitor, Interface: "eth0", Label: []byte(label)}
	b := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Sequence: 1})
	head := len(b)
	for i := range 10 {
		b = enc.AppendFlow(b, record(i))
	}
	if _, err := argus.Number(b[head:], 1); err != nil {
		t.Fatal(err)
	}
	return compress(t, b)
}

func compress(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(wire.MaxWindow))
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

func post(body []byte, first, last uint64) *http.Request {
	r := httptest.NewRequest(http.MethodPost, wire.PathFlows, bytes.NewReader(body))
	r.Header.Set("Content-Type", wire.ContentFlows)
	r.Header.Set("Content-Encoding", wire.EncodingZstd)
	r.Header.Set(wire.HeaderEpoch, epoch.String())
	r.Header.Set(wire.HeaderFirst, strconv.FormatUint(first, 10))
	r.Header.Set(wire.HeaderLast, strconv.FormatUint(last, 10))
	r.Header.Set(wire.HeaderDropped, "0")
	return r
}

func serve(h *Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestBatchIsJournalledAndAnsweredWithTheWatermark(t *testing.T) {
	h, journal := newHandler(nil)
	const first = 1<<32 - 5 // the 32 bits of a record's sequence wrap inside the batch
	body := compress(t, stream(t, monitor, first, 10))
	for range 2 { // a repeated batch is answered the same
		w := serve(h, post(body, first, first+9))
		if w.Code != http.StatusNoContent || w.Header().Get(wire.HeaderDurable) != "0000000000000abc-42" || w.Header().Get(wire.HeaderCA) != "bundle" {
			t.Fatalf("status %d, %v, %s", w.Code, w.Header(), w.Body)
		}
	}
	b := (*journal)[0]
	if b.Monitor != monitor || b.Epoch != epoch || b.First != first || b.Last != first+9 || !bytes.Equal(b.Body, body) || time.Since(b.Received) > time.Minute {
		t.Errorf("journalled %+v", b)
	}
	if s := h.Stats(); s.Batches != 2 || s.Records != 20 {
		t.Errorf("stats %+v", s)
	}
}

func TestBatchesThatAreNeverTaken(t *testing.T) {
	good := stream(t, monitor, 1, 10)
	enc := argus.Encoder{Monitor: monitor, Interface: "eth0", Version: argus.V3}
	v3 := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart})
	lying := bytes.Clone(good)
	lying[128+2], lying[128+3] = 0xff, 0xff // the first flow claims 256 KiB
	short := bytes.Clone(good)
	short[128+2], short[128+3] = 0, 0
	long := bytes.Clone(good[:128])
	long = append(long, 0x15, 0x20, 0x08, 0x00)
	long = append(long, make([]byte, 8188)...)
	swapped := bytes.Clone(good)
	if _, err := argus.Number(swapped[128:], 2); err != nil {
		t.Fatal(err)
	}
	bomb := compress(t, make([]byte, 64<<20))
	wide, err := zstd.NewWriter(nil, zstd.WithWindowSize(wire.MaxWindow*4), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		body   []byte
		change func(r *http.Request)
		status int
	}{
		{"not zstd", []byte("hello, world"), nil, 400},
		{"empty", nil, nil, 422},
		{"torn zstd", compress(t, good)[:len(compress(t, good))-20], nil, 400},
		{"bomb", bomb, nil, 413},
		{"many frames", bytes.Repeat(compress(t, make([]byte, 1<<20)), 9), nil, 413},
		{"wide window", wide.EncodeAll(make([]byte, 6<<20), nil), nil, 413},
		{"too large", bytes.Repeat([]byte{1}, wire.MaxCompressed+1), nil, 413},
		{"too large, no length", bytes.Repeat([]byte{1}, wire.MaxCompressed+1), func(r *http.Request) { r.ContentLength = -1 }, 413},
		{"no START", compress(t, good[128:]), nil, 422},
		{"version 3", compress(t, v3), nil, 422},
		{"record longer than the body", compress(t, lying), nil, 422},
		{"record of length 0", compress(t, short), nil, 422},
		{"record above 4 KiB", compress(t, long), nil, 413},
		{"second START", compress(t, append(bytes.Clone(good[:128]), good...)), nil, 422},
		{"other numbers", compress(t, swapped), nil, 422},
		{"too few", compress(t, stream(t, monitor, 1, 9)), nil, 422},
		{"too many", compress(t, stream(t, monitor, 1, 11)), nil, 422},
		{"torn stream", compress(t, good[:len(good)-4]), nil, 422},
		{"other monitor", compress(t, stream(t, other, 1, 10)), nil, 403},
		{"one record of another", compress(t, append(bytes.Clone(good[:128]), stream(t, other, 1, 10)[128:]...)), nil, 403},
		{"label that is not UTF-8", labelled(t, "{\"p\":\"\xff\"}"), nil, 422},
		{"no type", nil, func(r *http.Request) { r.Header.Del("Content-Type") }, 400},
		{"no encoding", nil, func(r *http.Request) { r.Header.Del("Content-Encoding") }, 400},
		{"no epoch", nil, func(r *http.Request) { r.Header.Del(wire.HeaderEpoch) }, 400},
		{"first 0", nil, func(r *http.Request) { r.Header.Set(wire.HeaderFirst, "0") }, 422},
		{"first -1", nil, func(r *http.Request) { r.Header.Set(wire.HeaderFirst, "-1") }, 400},
		{"last before first", nil, func(r *http.Request) { r.Header.Set(wire.HeaderFirst, "11") }, 422},
		{"dropped reaches below 1", nil, func(r *http.Request) { r.Header.Set(wire.HeaderDropped, "1") }, 422},
		{"2^64 records", nil, func(r *http.Request) { r.Header.Set(wire.HeaderLast, "18446744073709551615") }, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, journal := newHandler(nil)
			r := post(c.body, 1, 10)
			if c.change != nil {
				c.change(r)
			}
			if w := serve(h, r); w.Code != c.status || !strings.Contains(w.Body.String(), `"error":`) {
				t.Errorf("status %d %s, want %d with a reason", w.Code, w.Body, c.status)
			}
			if len(*journal) != 0 {
				t.Error("it was journalled")
			}
		})
	}
}

func TestRefusalsOfTheAuthorityReachTheAgent(t *testing.T) {
	for _, status := range []int{401, 403, 202, 409, 422} {
		h, journal := newHandler(func(c *Config) { c.Authority = authority{refusal(status)} })
		for _, r := range []*http.Request{
			post(compress(t, stream(t, monitor, 1, 1)), 1, 1),
			httptest.NewRequest(http.MethodGet, wire.PathDurable, nil),
			httptest.NewRequest(http.MethodPost, wire.PathEnroll, strings.NewReader("{}")),
			httptest.NewRequest(http.MethodPost, wire.PathRenew, strings.NewReader("{}")),
		} {
			w := serve(h, r)
			if w.Code != status || !strings.Contains(w.Body.String(), "refused for the test") {
				t.Errorf("%s: status %d %s, want %d", r.URL.Path, w.Code, w.Body, status)
			}
			if waits := w.Header().Get("Retry-After") != ""; waits != (status == 202 || status == 409) {
				t.Errorf("%s: Retry-After %q with %d", r.URL.Path, w.Header().Get("Retry-After"), status)
			}
		}
		if len(*journal) != 0 {
			t.Error("a refused batch was journalled")
		}
	}
}

func TestFailingJournalIsNotAcknowledged(t *testing.T) {
	h, _ := newHandler(func(c *Config) {
		c.Append = func(context.Context, *Batch) error { return errors.New("no space left on /secret/place") }
	})
	w := serve(h, post(compress(t, stream(t, monitor, 1, 1)), 1, 1))
	// An election is over after 5 s; a journal that is full says 30.
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "5" || w.Header().Get(wire.HeaderDurable) != "" {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the answer tells the agent about the collector's disk: %s", w.Body)
	}
}

// counting counts what it is told of epochs.
type counting struct {
	authority
	told []wire.Epoch
}

func (c *counting) Delivers(_ uuid.UUID, e wire.Epoch) error {
	c.told = append(c.told, e)
	return errors.New("the records are safe all the same")
}

func TestEpochsAreNotedWhenTheyChange(t *testing.T) {
	noted := &counting{}
	h, journal := newHandler(func(c *Config) { c.Authority = noted })
	want := []wire.Epoch{1, 2, 1, 3}
	for _, e := range []wire.Epoch{1, 1, 1, 2, 2, 1, 3} {
		r := post(compress(t, stream(t, monitor, 1, 1)), 1, 1)
		r.Header.Set(wire.HeaderEpoch, e.String())
		if w := serve(h, r); w.Code != http.StatusNoContent {
			t.Fatalf("status %d", w.Code)
		}
	}
	if !slices.Equal(noted.told, want) || len(*journal) != 7 {
		t.Errorf("noted %v of %d batches, want %v", noted.told, len(*journal), want)
	}
}

func TestDurable(t *testing.T) {
	h, _ := newHandler(nil)
	r := httptest.NewRequest(http.MethodGet, wire.PathDurable, nil)
	if w := serve(h, r); w.Code != http.StatusBadRequest {
		t.Errorf("without an epoch: status %d, want 400", w.Code)
	}
	r.Header.Set(wire.HeaderEpoch, epoch.String())
	if w := serve(h, r); w.Code != http.StatusNoContent || w.Header().Get(wire.HeaderDurable) != "0000000000000abc-42" {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
}

func TestEnrolmentIsJSONOfBoundedSize(t *testing.T) {
	h, _ := newHandler(nil)
	for body, status := range map[string]int{
		"{}":       200,
		"":         422,
		"[1]":      422,
		`{"csr":1`: 422,
		`{"csr":"` + strings.Repeat("x", wire.MaxJSON) + `"}`: 422,
	} {
		r := httptest.NewRequest(http.MethodPost, wire.PathEnroll, strings.NewReader(body))
		if w := serve(h, r); w.Code != status {
			t.Errorf("%.20q: status %d, want %d", body, w.Code, status)
		}
	}
}

func TestOtherPathsAndMethods(t *testing.T) {
	h, _ := newHandler(nil)
	if w := serve(h, httptest.NewRequest(http.MethodGet, wire.PathFlows, nil)); w.Code != 405 {
		t.Errorf("GET %s: %d", wire.PathFlows, w.Code)
	}
	if w := serve(h, httptest.NewRequest(http.MethodGet, "/", nil)); w.Code != 404 {
		t.Errorf("GET /: %d", w.Code)
	}
}

func BenchmarkCheck(b *testing.B) {
	h, _ := newHandler(nil)
	batch := &Batch{Monitor: monitor, Epoch: epoch, First: 1, Last: 200, Body: compress(b, stream(b, monitor, 1, 200))}
	for b.Loop() {
		if err := h.check(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*200/b.Elapsed().Seconds(), "records/s")
}

// FuzzBatchHandler gives the handler any body, compressed here so that most of the work is behind zstd.
func FuzzBatchHandler(f *testing.F) {
	good := stream(f, monitor, 1, 3)
	f.Add(good, uint64(1), uint64(3), true)
	f.Add(compress(f, good), uint64(1), uint64(3), false)
	f.Add(good[:128], uint64(1), uint64(1), true)
	h, journal := newHandler(func(c *Config) { c.Rate = 0 })
	f.Fuzz(func(t *testing.T, body []byte, first, last uint64, zip bool) {
		*journal = (*journal)[:0]
		if zip {
			body = compress(t, body)
		}
		w := serve(h, post(body, first, last))
		switch w.Code {
		case 204:
			checkTaken(t, *journal)
		case 400, 403, 413, 422:
			if len(*journal) != 0 {
				t.Error("refused and journalled")
			}
		default:
			t.Errorf("status %d", w.Code)
		}
	})
}

// checkTaken holds what was taken against the contract, by other means than the handler's.
func checkTaken(t *testing.T, journal []Batch) {
	if len(journal) != 1 {
		t.Fatalf("%d batches journalled", len(journal))
	}
	b := journal[0]
	dec, err := zstd.NewReader(bytes.NewReader(b.Body))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	reader, n := argus.NewReader(dec), uint64(0)
	for ; ; n++ {
		r, err := reader.Next()
		if err != nil {
			break
		}
		if id, ok := r.Monitor.UUID(); !ok || id != monitor {
			t.Errorf("record %d is of %v", n, r.Monitor)
		}
	}
	if n != b.Last-b.First+2 {
		t.Errorf("%d records taken as %d to %d", n, b.First, b.Last)
	}
}
