package agent

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

const (
	program   = "prog=argus-endpoint\n" // begins the text of every event record
	longName  = 128                     // octets of an interface's name that a report has room for
	longError = 160                     // of an error
)

// report is the text of an event record in which the agent accounts for its frames and records (docs/status-record.md).
// The counters are those since Started.
type report struct {
	Version   string           `json:"version"`
	Started   time.Time        `json:"started"`
	Interface *InterfaceStatus `json:"interface,omitempty"` // either one interface
	Totals    *Accounts        `json:"totals,omitempty"`    // or all of them
}

// text returns what the record says. It has room in the 4 KiB that a collector takes, whatever the counters and names are.
func (r *report) text() []byte {
	short := *r
	short.Version = clip(r.Version, longName)
	if r.Interface != nil {
		in := *r.Interface
		in.Name, in.Reason = clip(in.Name, longName), clip(in.Reason, longError)
		short.Interface = &in
	}
	b := bytes.NewBufferString(program)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(short) // into memory, of plain fields
	return b.Bytes()
}

// clip returns at most n octets of s, without control characters.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, s)
	for len(s) > n {
		_, last := utf8.DecodeLastRuneInString(s[:n+1])
		s = s[:n+1-last]
	}
	return s
}

// report keeps the agent's status records: a management record, and what each interface and all of them have counted, at one
// moment and in one block, so that no one wakes up for more.
func (a *Agent) report(now time.Time, cause flow.Cause) {
	a.reporting.Lock()
	defer a.reporting.Unlock()
	each, total := a.meters.census()
	m := a.mar.start(now)
	if cause != flow.CauseStart {
		m = a.mar.next(now, cause, &total)
	}
	enc := argus.Encoder{Monitor: a.host.ID, Interface: manName}
	block, n := enc.AppendManagement(nil, m), 1
	for i := range each {
		block, n = a.appendReport(block, now, cause, &each[i]), n+1
		if len(block) >= flushSize {
			a.keepReport(block, n)
			block, n = block[:0], 0
		}
	}
	sum := accounts(&total)
	r := report{Version: a.version, Started: a.began, Totals: &sum}
	a.keepReport(appendEvent(block, &enc, a.began, now, cause, r.text()), n+1)
}

// reportEnd keeps the last account of an interface.
func (a *Agent) reportEnd(st *InterfaceStatus) {
	a.reporting.Lock() // not before an older one
	defer a.reporting.Unlock()
	a.keepReport(a.appendReport(nil, time.Now(), flow.CauseStop, st), 1)
}

func (a *Agent) appendReport(b []byte, now time.Time, cause flow.Cause, st *InterfaceStatus) []byte {
	r := report{Version: a.version, Started: a.began, Interface: st}
	return appendEvent(b, &argus.Encoder{Monitor: a.host.ID}, *st.Since, now, cause, r.text())
}

func (a *Agent) keepReport(records []byte, n int) {
	if err := a.keep(records, n); err != nil {
		a.log.Warn("status record lost", zap.String("code", "spool"), zap.Error(err))
	}
}

// event keeps a text beside the flows.
func (a *Agent) event(text string) {
	now := time.Now()
	if err := a.keep(appendEvent(nil, &argus.Encoder{Monitor: a.host.ID}, now, now, flow.CauseStatus, []byte(program+text+"\n")), 1); err != nil {
		a.log.Warn("event record lost", zap.String("code", "spool"), zap.Error(err))
	}
}

func appendEvent(b []byte, enc *argus.Encoder, from, to time.Time, cause flow.Cause, text []byte) []byte {
	return enc.AppendEvent(b, &argus.Event{Cause: cause, Start: from.UnixNano(), End: to.UnixNano(), Data: text})
}
