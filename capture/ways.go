package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// way is one of several ways to capture on an interface.
type way struct {
	name string
	open func() (Source, error)
}

// firstOf returns the source of the first way that works. Otherwise the error says of each why it does not.
func firstOf(name string, ways []way) (Source, error) {
	r := &refusal{name: name}
	for _, w := range ways {
		src, err := w.open()
		if err == nil {
			return src, nil
		}
		if errors.Is(err, ErrInterfaceDown) {
			return nil, fmt.Errorf("capture on %s: %s: %w", name, w.name, err)
		}
		r.ways, r.errs = append(r.ways, w.name), append(r.errs, err)
	}
	return nil, r
}

// refusal is why no way to capture works. It wraps fs.ErrPermission or errors.ErrUnsupported, after which nobody tries again, only
// when no way may work later.
type refusal struct {
	name string
	ways []string
	errs []error
}

func (r *refusal) Error() string {
	var b strings.Builder
	b.WriteString("capture on " + r.name + ": ")
	for i, err := range r.errs {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(r.ways[i] + ": " + err.Error())
	}
	return b.String()
}

func (r *refusal) Unwrap() []error {
	for _, err := range r.errs {
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
	}
	return r.errs
}
