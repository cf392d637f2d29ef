package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

const (
	program   = "prog=argus-endpoint\n" // begins the text of every event record
	longName  = 128                     // octets of an interface's name that a report has room for
	longError = 160                     // of an error
	longText  = 512                     // of an event's text
)

// report is the text of an event record in which the agent accounts for its frames and records (docs/status-record.md).
// The counters are those since Started.
type report struct {
	Version   string           `json:"version"`
	Started   time.Time        `json:"started"`
	Interface *InterfaceStatus `json:"interface,omitempty"` // either one interface
	Totals    *Totals          `json:"totals,omitempty"`    // or all of them
	Event     *Event           `json:"event,omitempty"`     // or what happened
}

// Event is something that happened to the agent.
type Event struct {
	Kind string    `json:"kind"` // unclean-restart, asleep, clock-step, spool-degraded, spool-recovered, decoder-off, interface, listener
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	Text string    `json:"text,omitempty"`

	Change    string         `json:"change,omitempty"` // of what kind interface or listener tells: present, appeared, changed, gone
	Interface *InterfaceFact `json:"interface,omitempty"`
	Process   *ProcessFact   `json:"process,omitempty"`
}

// ledger counts what the spool has taken, apart from the spool itself.
type ledger struct {
	mu             sync.Mutex // held while the spool takes records: what is read with it fits the spool's own counters
	flows, reports uint64
	events         []Event // the last few
}

const recentEvents = 16

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
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// clip returns at most n octets of s, without what a terminal would not print: control characters, marks that turn lines round.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unprintable(r) {
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

// totals returns the accounts of everything. The spool is read first: its records were made before the meters are asked.
func (a *Agent) totals() (each []InterfaceStatus, counters Counters, t Totals) {
	a.ledger.mu.Lock()
	sp, flows, reports := a.spool.Stats(), a.ledger.flows, a.ledger.reports
	a.ledger.mu.Unlock()
	each, counters = a.meters.census()
	t = Totals{
		Accounts: accounts(&counters), Epoch: fmt.Sprintf("%016x", sp.Epoch), Next: sp.Next, Reports: reports, Inherited: sp.Inherited,
		Sent: a.uplink.sent(), Durable: sp.Committed, Discarded: sp.Discarded, Quarantined: sp.Quarantined, Pending: sp.Pending,
	}
	t.Spooled = flows
	if t.Discarded > 0 {
		t.DroppedFrom, t.DroppedTo = sp.DroppedFrom, sp.DroppedTo
	}
	return each, counters, t
}

// report keeps the agent's status records: a management record, and what each interface and all of them have counted, at one
// moment and in one block, so that no one wakes up for more. An interface that has nothing new to say says nothing.
func (a *Agent) report(now time.Time, cause flow.Cause) {
	a.reporting.Lock()
	defer a.reporting.Unlock()
	a.meters.readTraffic()
	each, counters, total := a.totals()
	m := a.mar.start(now)
	if cause != flow.CauseStart {
		m = a.mar.next(now, cause, &counters)
	}
	enc := argus.Encoder{Monitor: a.host.ID, Interface: manName}
	block, n := enc.AppendManagement(nil, m), 1
	for i := range each {
		text := a.interfaceText(&each[i])
		if said := &each[i].of.said; cause == flow.CauseStatus && each[i].Metered && bytes.Equal(text, *said) {
			continue
		} else {
			*said = text
		}
		block, n = appendEvent(block, &enc, *each[i].Since, now, cause, text), n+1
		if len(block) >= flushSize {
			a.keepReport(block, n)
			block, n = block[:0], 0
		}
	}
	r := report{Version: a.version, Started: a.began, Totals: &total}
	a.keepReport(appendEvent(block, &enc, a.began, now, cause, r.text()), n+1)
}

// reportEnd keeps the last account of an interface.
func (a *Agent) reportEnd(st *InterfaceStatus) {
	a.reporting.Lock() // not before an older one
	defer a.reporting.Unlock()
	a.keepReport(appendEvent(nil, &argus.Encoder{Monitor: a.host.ID}, *st.Since, time.Now(), flow.CauseStop, a.interfaceText(st)), 1)
}

func (a *Agent) interfaceText(st *InterfaceStatus) []byte {
	r := report{Version: a.version, Started: a.began, Interface: st}
	return r.text()
}

// event keeps what happened beside the flows.
func (a *Agent) event(e Event) {
	e.Text = clip(e.Text, longText)
	a.ledger.mu.Lock()
	a.ledger.events = append(a.ledger.events[max(len(a.ledger.events)+1-recentEvents, 0):], e)
	a.ledger.mu.Unlock()
	a.tell(e)
}

// tell keeps an event without showing it in the status: facts are no news there.
func (a *Agent) tell(e Event) {
	now := time.Now()
	e.Text = clip(e.Text, longText)
	r := report{Version: a.version, Started: a.began, Event: &e}
	a.keepReport(appendEvent(nil, &argus.Encoder{Monitor: a.host.ID}, now, now, flow.CauseStatus, r.text()), 1)
}

// keepReport puts records that the agent makes of itself into the spool.
func (a *Agent) keepReport(records []byte, n int) {
	if err := a.keep(records, n, &a.ledger.reports); err != nil {
		a.log.Warn("status record lost", zap.String("code", "spool"), zap.Error(err))
	}
}

// keepFlows is the meters' emitter.
func (a *Agent) keepFlows(records []byte, n int) error { return a.keep(records, n, &a.ledger.flows) }

// keep puts records into the spool, and shows them to local readers with their numbers.
func (a *Agent) keep(records []byte, n int, counted *uint64) error {
	a.ledger.mu.Lock()
	defer a.ledger.mu.Unlock()
	err := a.spool.Append(records, n, func(records []byte, first uint64) {
		_, _ = argus.Number(records, first) // they are of our own encoder
		a.feeds.publish(records)
		a.outputs.publish(records)
	})
	if err == nil {
		*counted += uint64(n)
	}
	return err
}

func appendEvent(b []byte, enc *argus.Encoder, from, to time.Time, cause flow.Cause, text []byte) []byte {
	return enc.AppendEvent(b, &argus.Event{Cause: cause, Start: from.UnixNano(), End: to.UnixNano(), Data: text})
}
