package platform

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestPollEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*pollInterval)
		defer cancel()
		wait := poll(ctx)
		for wait() { // other programs may change the interfaces meanwhile
		}
		if ctx.Err() == nil {
			t.Error("ended before its context")
		}
	})
}
