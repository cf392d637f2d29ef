package reader

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

const (
	maxTop   = 1 << 16          // flows on the screen, or above and below it
	idleTop  = time.Minute      // a flow that nothing is heard of for so long leaves a live screen
	drawTime = time.Second      // from one picture to the next
	sizeTime = time.Second / 10 // from one look at the terminal's size to the next
	topOrder = "-pkts"          // as ratop has it
)

// top is the output that is a full screen: flows added up, in an order, as they change.
type top struct {
	mu      sync.Mutex // between the source and the screen; guards what follows
	flows   *cluster.Cluster
	records uint64
	lost    uint64 // flows that had no place
	live    bool
	ended   bool
	note    string // what there is to say
	seen    uint64 // records at the last picture
	drawn   time.Time
	rate    float64

	columns  fields.Columns
	style    fields.Style
	row      *fields.Row
	spec     string // the order, as text
	order    cluster.Order
	reverse  bool
	choice   filter.Filter
	chosen   string // choice, as text
	paused   bool
	first    int // the record in the first line
	page     int // records that the last picture had place for
	total    int // records that the choice has
	helping  bool
	ask      byte // what is being asked for: 0, '/' or 's'
	typed    []rune
	held     []*argus.Record // the last picture's, when paused
	now      func() time.Time
	finished error
}

func (o *Options) newTop() (*top, error) {
	columns, err := o.columns()
	if err != nil {
		return nil, err
	}
	t := &top{flows: cluster.New(maxTop, o.key), columns: columns, style: o.style, now: time.Now}
	t.style.Colour, t.style.Separator = colours(), ""
	t.row = fields.NewRow(t.columns, t.style)
	spec := o.orderList.String()
	if spec == "" {
		spec = topOrder
	}
	if err := t.sortBy(spec); err != nil {
		return nil, cli.Usagef("--sort: %w", err)
	}
	t.drawn = t.now()
	return t, nil
}

func (t *top) record(r *argus.Record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records++
	t.lost += uint64(len(t.flows.Add(r)))
	return nil
}

func (t *top) flush() error { return nil }
func (t *top) close() error { return nil }

// say shows a message in the last line.
func (t *top) say(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note = text
}

// follow says that records come as they happen.
func (t *top) follow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = true
}

func (t *top) sortBy(spec string) error {
	order, err := cluster.ParseOrder(spec, fields.Compare)
	if err != nil {
		return err
	}
	t.spec, t.order, t.reverse = spec, order, false
	return nil
}

// run shows what work brings until somebody leaves the screen or ctx ends. An error of work before there was anything to see
// ends it too.
func (t *top) run(ctx context.Context, work func(context.Context) error) error {
	screen, err := openTerminal()
	if err != nil {
		return err
	}
	defer screen.close()
	ctx, cancel := context.WithCancel(ctx)
	done, keys := make(chan error, 1), make(chan []byte)
	go func() {
		defer screen.guard()
		done <- work(ctx)
	}()
	go screen.keys(keys)
	t.loop(ctx, screen, done, keys)
	screen.close() // before the source, which may take its time
	cancel()
	if !t.ended {
		err = <-done
	}
	if t.finished != nil {
		err = t.finished
	}
	return err
}

func (t *top) loop(ctx context.Context, screen *terminal, done <-chan error, keys <-chan []byte) {
	tick := time.NewTicker(sizeTime)
	defer tick.Stop()
	var width, height int
	for leave := false; !leave; {
		w, h := screen.size()
		if now := t.now(); w != width || h != height || now.Sub(t.drawn) >= drawTime || t.drawn.IsZero() {
			width, height = w, h
			if _, err := screen.out.Write(t.picture(w, h, now)); err != nil {
				t.finished = err
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case err := <-done:
			leave = t.end(err)
			done = nil
		case k, ok := <-keys:
			leave = !ok || t.key(k)
			width = 0 // what was typed is to be seen at once
		case <-tick.C:
		}
	}
}

// end takes the end of the source, and tells whether there is nothing to look at.
func (t *top) end(err error) (leave bool) {
	if errors.Is(err, errEnough) {
		err = nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended, t.finished, t.drawn = true, err, time.Time{}
	if err != nil {
		t.note = err.Error()
	}
	return err != nil && t.records == 0
}

// list returns the records to show, in their order, and how many flows there are.
func (t *top) list(now time.Time) (list []*argus.Record, flows int) {
	if t.live {
		t.flows.Expire(now.Add(-idleTop).UnixNano())
	}
	for r := range t.flows.All() {
		if t.choice.Match(r) {
			list = append(list, r)
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		if t.reverse {
			i, j = j, i
		}
		return t.order.Compare(list[i], list[j]) < 0
	})
	return list, t.flows.Len()
}
