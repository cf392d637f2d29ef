package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestFirstWayThatWorks(t *testing.T) {
	unsupported, denied := fmt.Errorf("not here: %w", errors.ErrUnsupported), fmt.Errorf("not you: %w", fs.ErrPermission)
	down, busy := fmt.Errorf("gone: %w", ErrInterfaceDown), errors.New("not now")
	of := adapter{index: 7, guid: "{7}", loopback: true, addrs: []netip.Addr{netip.IPv6Unspecified()}}
	src := newQueue("eth7", 7, "b", Options{})
	for _, c := range []struct {
		a, b    error
		says    string
		forGood bool
	}{
		{nil, busy, "", false},
		{busy, nil, "", false},
		{unsupported, denied, "capture on eth7: a: not here: unsupported operation; b: not you: permission denied", true},
		{busy, denied, "capture on eth7: a: not now; b: not you: permission denied", false},
		{unsupported, busy, "capture on eth7: a: not here: unsupported operation; b: not now", false},
		{down, nil, "capture on eth7: a: gone: interface is down or was removed", false},
	} {
		way1 := func(err error) func(string, *adapter, Options) (Source, error) {
			return func(name string, a *adapter, o Options) (Source, error) {
				if name != "eth7" || !reflect.DeepEqual(*a, of) || o.SnapLen != 99 {
					t.Errorf("%s, %+v, %+v", name, a, o)
				}
				if err != nil {
					return nil, err
				}
				return src, nil
			}
		}
		got, err := firstOf([]way{{"a", way1(c.a)}, {"b", way1(c.b)}}, "eth7", &of, Options{SnapLen: 99})
		if c.says == "" {
			if got != src || err != nil {
				t.Errorf("%v, %v: %v", c.a, c.b, err)
			}
			continue
		}
		if err == nil || err.Error() != c.says {
			t.Errorf("%v, want %s", err, c.says)
		}
		if forGood := errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported); forGood != c.forGood {
			t.Errorf("%v: for good %v", err, forGood)
		}
		if strings.Contains(c.says, "gone") && !errors.Is(err, ErrInterfaceDown) {
			t.Error(err)
		}
	}
}
