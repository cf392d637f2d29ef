package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// One that may not capture anywhere is never ready: its service has failed to start. An interface that is down is no reason to wait.
func TestReadyWhenKnownWhyNot(t *testing.T) {
	refused := fmt.Errorf("capture: %w", fs.ErrPermission)
	for _, c := range []struct {
		errs []error // of the first try on each interface
		want bool
	}{
		{nil, true},
		{[]error{nil}, true},
		{[]error{refused}, false},
		{[]error{refused, refused}, false},
		{[]error{refused, nil}, true},
		{[]error{refused, errors.New("network is down")}, true},
	} {
		ms, ready := meters{slots: map[slotKey]*slot{}}, false
		for i, err := range c.errs {
			s := newSlot(platform.Interface{Index: i}, nil, nil)
			s.ended(err)
			ms.slots[slotKey{index: i}] = s
		}
		ms.first(t.Context(), func() { ready = true })
		ms.wg.Wait()
		if ready != c.want {
			t.Errorf("%v: ready is %v", c.errs, ready)
		}
	}
}
