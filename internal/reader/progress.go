package reader

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/argus-endpoint/argus-endpoint/argus/archive"
)

// progress tells on a terminal how far a long read is, when nothing else is printed there. A nil progress tells nothing.
type progress struct {
	began, next time.Time
	file        *archive.File
	shown       bool
}

// newProgress returns nil when nobody could see it, or when the lines themselves tell.
func newProgress(o *Options) *progress {
	quiet := o.write != "" && o.write != "-" || o.aggregate || o.bins != "" || o.tally || len(o.order) > 0 || !term.IsTerminal(int(os.Stdout.Fd()))
	if o.top || !quiet || !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	now := time.Now()
	return &progress{began: now, next: now.Add(2 * time.Second)}
}

// step is called for each record, the n-th.
func (p *progress) step(n uint64) {
	if n%4096 != 0 {
		return
	}
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(time.Second), true
	text := fmt.Sprintf("%d records, %.0f a second", n, float64(n)/now.Sub(p.began).Seconds())
	if p.file != nil {
		read, size := p.file.Progress()
		text += fmt.Sprintf(", %s: %.1f MB", p.file.Name(), float64(read)/1e6)
		if size > 0 {
			text += fmt.Sprintf(" of %.1f (%d%%)", float64(size)/1e6, read*100/size)
		}
	}
	fmt.Fprintf(os.Stderr, "\r%s\x1b[K", text)
}

func (p *progress) end() {
	if p != nil && p.shown {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
