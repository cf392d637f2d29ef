package collector

import (
	"context"
	"errors"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"go.uber.org/zap"
)

// tidyInterval is how often the store is tidied up beside the writing.
const tidyInterval = time.Minute

// tidy keeps the store of a shard small and in order beside the writing, until ctx ends. It rests as long as it works.
func (w *writer) tidy(ctx context.Context) {
	select {
	case <-w.opened:
	case <-ctx.Done():
		return
	}
	for wait := time.Duration(0); ; {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		begin := time.Now()
		more, err := w.tidyStep(ctx, begin)
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrFenced) {
			w.log.Warn("the store was not tidied up; it will be tried again", zap.String("code", "tidy"), zap.Error(err))
		}
		wait = tidyInterval
		if more && err == nil {
			wait = time.Since(begin)
		}
	}
}

func (w *writer) tidyStep(ctx context.Context, now time.Time) (more bool, err error) {
	s := w.store.Load()
	if s == nil { // it could not be opened: that is being tried
		return false, nil
	}
	if err := s.Sweep(ctx, now); err != nil {
		return false, err
	}
	return s.Compact(ctx, now)
}
