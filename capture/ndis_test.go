package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fakeTracer is a Windows with the events that a test makes.
type fakeTracer struct {
	left     bool // a session of our name is there that a crashed run left
	started  bool
	prepared int
	denied   map[string]error // by what is asked for
	log      []string
	events   chan *traceEvent
	over     chan error
	lostSum  uint32
}

func newFakeTracer() *fakeTracer { return &fakeTracer{denied: map[string]error{}} }

func (t *fakeTracer) did(what string) error {
	t.log = append(t.log, what)
	return t.denied[what]
}

func (t *fakeTracer) prepare() error { t.prepared++; return t.did("prepare") }
func (t *fakeTracer) enable() error  { return t.did("enable") }
func (t *fakeTracer) release()       { _ = t.did("release") }

func (t *fakeTracer) start() error {
	if t.left || t.started {
		_ = t.did("start")
		return fs.ErrExist
	}
	if err := t.did("start"); err != nil {
		return err
	}
	t.started, t.events, t.over = true, make(chan *traceEvent), make(chan error, 2)
	return nil
}

func (t *fakeTracer) stop() error {
	if err := t.did("stop"); err != nil {
		return err
	}
	if t.started {
		t.over <- nil
	}
	t.left, t.started = false, false
	return nil
}

func (t *fakeTracer) process(event func(*traceEvent), flush func()) error {
	for {
		select {
		case e := <-t.events:
			event(e)
			flush()
		case err := <-t.over:
			return err
		}
	}
}

func (t *fakeTracer) lost() (uint32, error) { return t.lostSum, t.denied["lost"] }

// ndisEvent is the event of a fragment; more is what a later version of Windows has behind it.
func ndisEvent(miniport, lower uint32, keywords uint64, data []byte, more ...byte) *traceEvent {
	b := binary.LittleEndian.AppendUint32(nil, miniport)
	b = binary.LittleEndian.AppendUint32(b, lower)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	at := time.Now().UnixNano()/100 + 116444736000000000
	return &traceEvent{time: at, id: ndisFragment, keywords: keywords, payload: join(b, data, more)}
}

// ndisLab opens sources of a fake Windows.
func ndisLab(t *testing.T, indexes ...int) (*fakeTracer, *ndis, []Source) {
	t.Helper()
	tr := newFakeTracer()
	n := &ndis{tracer: tr}
	var sources []Source
	for _, index := range indexes {
		src, err := n.open("eth", index, Options{SnapLen: 512})
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, src)
	}
	return tr, n, sources
}

// got takes what a source has.
func got(src Source) (frames [][]byte, last Frame) {
	synctest.Wait()
	for {
		data, err := src.Next(&last, 0)
		if err != nil {
			return frames, last
		}
		frames = append(frames, bytes.Clone(data))
	}
}

const whole = ndisStart | ndisEnd

// TestNDISFrames: each frame comes from the source of its interface, whatever the form of its event.
func TestNDISFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, src := ndisLab(t, 4, 9)
		frame := ethernet(etherIPv4, ipv4(17, make([]byte, 600)))
		now := time.Now()
		tr.events <- ndisEvent(4, 4, whole|ndisSend, frame)
		frames, f := got(src[0])
		if len(frames) != 1 || !bytes.Equal(frames[0], frame[:512]) || f.Length != len(frame) || !f.Outgoing || !f.ChecksumNotReady ||
			f.Link != LinkEthernet || f.InterfaceIndex != 4 || !f.Timestamp.Equal(now) {
			t.Errorf("%d frames, %+v", len(frames), f)
		}
		tr.events <- ndisEvent(9, 9, whole|ndisReceive, frame, 0, 0, 0, 0, 0, 0, 0, 0)
		if frames, f = got(src[1]); len(frames) != 1 || f.Outgoing || f.ChecksumNotReady || f.Length != len(frame) {
			t.Errorf("with fields behind it: %d frames, %+v", len(frames), f)
		}
		tr.events <- ndisEvent(9, 9, ndisPacket, frame)
		tr.events <- ndisEvent(9, 9, whole|ndisWirelessWAN, frame[14:])
		if frames, f = got(src[1]); len(frames) != 2 || f.Link != LinkRaw {
			t.Errorf("without start and end, and of mobile broadband: %d frames, %+v", len(frames), f)
		}
		wlan := []byte{0x88, 0x41, 1, 2, 3}
		tr.events <- ndisEvent(9, 9, whole|ndisNative80211, wlan)
		if frames, f = got(src[1]); len(frames) != 1 || f.Link != LinkWLAN || frames[0][1] != 1 || wlan[1] != 0x41 {
			t.Errorf("decrypted: %x, %+v", frames, f)
		}
		tr.events <- ndisEvent(5, 5, whole, frame) // nobody's
		tr.events <- &traceEvent{id: 1002, payload: []byte{1}}
		for i, s := range src {
			if frames, _ = got(s); len(frames) > 0 {
				t.Error(frames)
			}
			if st, err := s.Stats(); st.Dropped != 0 || st.Method != "ndis-etw" || st.Received != []uint64{1, 4}[i] || err != nil {
				t.Error(st, err)
			}
			_ = s.Close()
		}
	})
}

// TestNDISFragments: fragments of both directions and of two interfaces come in turn; what has no beginning or no end is counted.
func TestNDISFragments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, n, src := ndisLab(t, 4, 9)
		part := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
		for _, e := range []*traceEvent{
			ndisEvent(4, 4, ndisStart|ndisSend, part(1, 300)), ndisEvent(9, 9, ndisStart|ndisSend, part(2, 10)),
			ndisEvent(4, 4, ndisStart|ndisReceive, part(3, 100)), ndisEvent(4, 4, ndisSend, part(1, 1000)),
			ndisEvent(9, 9, ndisEnd|ndisSend, part(2, 10)), ndisEvent(4, 4, ndisEnd|ndisReceive, part(3, 1)),
			ndisEvent(4, 4, ndisEnd|ndisSend, part(1, 5)),
		} {
			tr.events <- e
		}
		frames, f := got(src[0])
		if len(frames) != 2 || !bytes.Equal(frames[0], part(3, 101)) || !bytes.Equal(frames[1], part(1, 512)) || f.Length != 1305 {
			t.Errorf("%d frames, the last %d octets: %+v", len(frames), len(frames[len(frames)-1]), f)
		}
		if frames, _ = got(src[1]); len(frames) != 1 || !bytes.Equal(frames[0], part(2, 20)) {
			t.Error(frames)
		}
		for _, e := range []*traceEvent{
			ndisEvent(4, 4, ndisEnd|ndisSend, part(1, 5)),                                                // no beginning
			ndisEvent(4, 4, ndisStart|ndisSend, part(1, 5)), ndisEvent(4, 4, whole|ndisSend, part(7, 9)), // no end
		} {
			tr.events <- e
		}
		tr.events <- ndisEvent(4, 4, ndisStart, part(1, 5))
		for range maxNDISFrame / 60000 {
			tr.events <- ndisEvent(4, 4, 0, part(1, 60000))
		}
		tr.events <- ndisEvent(4, 4, 0, part(1, 60000)) // too long
		if frames, _ = got(src[0]); len(frames) != 1 || frames[0][0] != 7 {
			t.Error(len(frames), "frames")
		}
		if st, _ := src[0].Stats(); st.Dropped != 3 {
			t.Error(st)
		}
		if held := cap(n.sources[4].part[0].data); held > 2*512 {
			t.Errorf("%d octets are held of a frame", held)
		}
		for _, s := range src {
			_ = s.Close()
		}
	})
}

// TestNDISLayers: when another session has each frame shown at two layers it is one frame all the same, until that layer goes.
func TestNDISLayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, src := ndisLab(t, 4)
		for range 10 {
			tr.events <- ndisEvent(4, 4, whole, []byte{4})
			tr.events <- ndisEvent(4, 17, whole, []byte{17})
			time.Sleep(200 * time.Millisecond)
		}
		frames, _ := got(src[0])
		if len(frames) != 10 || bytes.Contains(bytes.Join(frames, nil), []byte{17}) {
			t.Error(frames)
		}
		time.Sleep(2 * time.Second)
		tr.events <- ndisEvent(4, 17, whole, []byte{17})
		if frames, _ = got(src[0]); len(frames) != 1 {
			t.Error(frames)
		}
		if st, _ := src[0].Stats(); st.Dropped != 0 {
			t.Error(st)
		}
		_ = src[0].Close()
	})
}

// TestNDISLoss: what the session lost is in the sum of the sources once.
func TestNDISLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _, src := ndisLab(t, 4, 9)
		sum := func() (n uint64) {
			for _, s := range src {
				st, err := s.Stats()
				if err != nil {
					t.Error(err)
				}
				n += st.Dropped
			}
			return n
		}
		tr.lostSum = 100
		tr.events <- &traceEvent{id: ndisFragment, payload: make([]byte, 11)} // whose?
		synctest.Wait()
		if n := sum(); n != 101 {
			t.Error(n)
		}
		tr.lostSum = 1<<32 - 1
		sum()
		tr.lostSum += 5
		if n := sum(); n != 1<<32+4+1 {
			t.Error(n)
		}
		for _, s := range src {
			_ = s.Close()
		}
	})
}

// TestNDISSession: it lives as long as a source does, takes the place of one that was left, and undoes what it began when it fails.
func TestNDISSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, n, src := ndisLab(t, 4, 9)
		if _, err := n.open("eth", 9, Options{SnapLen: 512}); err == nil {
			t.Error("one interface is captured twice")
		}
		_, _ = src[0].Close(), src[1].Close()
		var f Frame
		if _, err := src[0].Next(&f, 0); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if did := strings.Join(tr.log, " "); did != "prepare start enable prepare prepare stop release" {
			t.Error(did)
		}
		for what, want := range map[string]string{
			"left":    "prepare start stop start enable stop release",
			"prepare": "prepare release", "start": "prepare start release", "enable": "prepare start enable stop release",
		} {
			tr.log, tr.left, tr.denied = nil, what == "left", map[string]error{what: errors.ErrUnsupported}
			src, err := n.open("eth", 4, Options{SnapLen: 512})
			if (err == nil) != (what == "left") || err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s: %v", what, err)
			}
			if err == nil {
				tr.events <- ndisEvent(4, 4, whole, []byte{1})
				if frames, _ := got(src); len(frames) != 1 {
					t.Errorf("%s: %d frames", what, len(frames))
				}
				_ = src.Close()
			}
			if did := strings.Join(tr.log, " "); did != want {
				t.Errorf("%s: %s, want %s", what, did, want)
			}
		}
	})
}

// TestNDISEndedByOthers: the sources end when somebody stops the session, and the next ones get another.
func TestNDISEndedByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, n, src := ndisLab(t, 4, 9)
		tr.events <- ndisEvent(4, 4, whole, []byte{1})
		tr.started = false
		tr.over <- nil
		var f Frame
		if _, err := src[0].Next(&f, time.Second); err != nil {
			t.Error("what came before the end:", err)
		}
		for _, s := range src {
			if _, err := s.Next(&f, time.Minute); err == nil || errors.Is(err, ErrTimeout) {
				t.Error(err)
			}
		}
		_ = src[0].Close()
		again, err := n.open("eth", 4, Options{SnapLen: 512})
		if err != nil {
			t.Fatal(err)
		}
		_ = src[1].Close() // of the session before
		tr.events <- ndisEvent(4, 4, whole, []byte{2})
		if frames, _ := got(again); len(frames) != 1 {
			t.Error(frames)
		}
		_ = again.Close()
	})
}

// eventRecord is an EVENT_RECORD of the provider.
func eventRecord(id uint16, keywords uint64, filetime int64) []byte {
	b := make([]byte, eventRecordSize)
	binary.LittleEndian.PutUint64(b[eventTime:], uint64(filetime))
	copy(b[eventProvider:], ndisProvider[:])
	binary.LittleEndian.PutUint16(b[eventID:], id)
	binary.LittleEndian.PutUint64(b[eventKeywords:], keywords)
	return b
}

func TestReadEvent(t *testing.T) {
	record := eventRecord(1001, 0x60000000000, 133_000_000_000_000_000)
	e, ok := readEvent(record)
	if !ok || e.id != 1001 || e.keywords != 0x60000000000 || !time.Unix(0, unixNano(e.time)).Equal(time.Date(2022, 6, 18, 4, 26, 40, 0, time.UTC)) {
		t.Errorf("%+v, %v, %v", e, ok, time.Unix(0, unixNano(e.time)).UTC())
	}
	record[eventProvider]++
	if _, ok = readEvent(record); ok {
		t.Error("another provider's event was taken")
	}
	if _, ok = readEvent(record[:80]); ok {
		t.Error("a short record was taken")
	}
}
