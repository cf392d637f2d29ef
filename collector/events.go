package collector

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/gofrs/uuid/v5"
)

// Event is what an agent has said of itself (docs/status-record.md).
type Event struct {
	Monitor  uuid.UUID       `json:"monitor"`
	Host     string          `json:"host"`
	Time     time.Time       `json:"time"` // by the host's clock
	Received time.Time       `json:"received"`
	Epoch    string          `json:"epoch"`
	Sequence int64           `json:"sequence"`
	Cause    string          `json:"cause"`            // start, status or stop
	Report   json.RawMessage `json:"report,omitempty"` // the JSON of the record, or
	Text     string          `json:"text,omitempty"`   // its words
}

// Events lends what the agents of the hosts that q asks for have said in its time, by hour of arrival and host.
func Events(ctx context.Context, p *Place, q Query) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		monitors, err := monitorsOf(ctx, p)
		if err != nil {
			yield(nil, err)
			return
		}
		v, err := p.OpenView(ctx)
		if errors.Is(err, fs.ErrNotExist) {
			return // nothing has been stored yet
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer v.Close()
		hosts := meet(monitors, v.Marks())
		if err := q.known(hosts); err != nil {
			yield(nil, err)
			return
		}
		for row, err := range v.Events(q.Since, q.Until, q.single(hosts)) {
			if err != nil {
				yield(nil, err)
				return
			}
			if row.Kind != "event" {
				continue
			}
			e := eventOf(row)
			if h := hosts[e.Monitor]; h != nil && q.wants(h) {
				if e.Host = h.Name; !yield(&e, nil) {
					return
				}
			}
		}
	}
}

// single returns the one host that q asks for, Nil when there are more.
func (q *Query) single(hosts map[uuid.UUID]*Host) (one uuid.UUID) {
	if q.Only == nil {
		return uuid.Nil
	}
	n := 0
	for id, h := range hosts {
		if q.wants(h) {
			one, n = id, n+1
		}
	}
	if n != 1 {
		return uuid.Nil
	}
	return one
}

func eventOf(row *store.EventRow) Event {
	e := Event{Time: time.UnixMicro(row.LTime).UTC(), Received: time.UnixMicro(row.Received).UTC(), Epoch: row.Epoch, Sequence: row.Sequence,
		Cause: map[uint8]string{16: "start", 32: "status", 48: "stop"}[row.Cause]}
	e.Monitor, _ = uuid.FromString(row.Monitor) // Nil, as the row had it
	text := strings.TrimRight(row.Text, "\x00\n")
	if report, ours := strings.CutPrefix(text, "prog=argus-endpoint\n"); ours && json.Valid([]byte(report)) {
		e.Report = json.RawMessage(report)
	} else {
		e.Text = text
	}
	return e
}
