package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
)

// adapter is what the ways to capture need to know of an interface.
type adapter struct {
	index    int
	guid     string // "{...}"
	loopback bool
	addrs    []netip.Addr // unicast
}

// way is one of several ways to capture on an interface.
type way struct {
	name string
	open func(name string, a *adapter, o Options) (Source, error)
}

// firstOf returns the source of the first way that works. Otherwise the error says of each why it does not; it wraps fs.ErrPermission
// or errors.ErrUnsupported, after which nobody tries again, only when no way may work later.
func firstOf(ways []way, name string, a *adapter, o Options) (Source, error) {
	var why error
	final := true
	for _, w := range ways {
		src, err := w.open(name, a, o)
		if err == nil {
			return src, nil
		}
		final = final && (errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported))
		switch {
		case errors.Is(err, ErrInterfaceDown):
			return nil, fmt.Errorf("capture on %s: %s: %w", name, w.name, err)
		case why == nil:
			why = fmt.Errorf("capture on %s: %s: %w", name, w.name, err)
		default:
			why = fmt.Errorf("%w; %s: %w", why, w.name, err)
		}
	}
	if !final {
		why = errors.New(why.Error())
	}
	return nil, why
}
