package capture

import (
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The functions of the interfaces in the order of netcfgx.h, each after the three of IUnknown.
var (
	netCfgFunctions    = []string{"Initialize", "Uninitialize", "Apply", "Cancel", "EnumComponents", "FindComponent", "QueryNetCfgClass"}
	componentFunctions = []string{"GetDisplayName", "SetDisplayName", "GetHelpText", "GetId", "GetCharacteristics", "GetInstanceGuid", "GetPnpDevNodeId"}
	bindingsFunctions  = []string{"BindTo", "UnbindFrom", "SupportsBindingInterface", "IsBoundTo", "IsBindableTo", "EnumBindingPaths", "MoveBefore"}
	enumFunctions      = []string{"Next", "Skip", "Reset", "Clone"}
	pathFunctions      = []string{"IsSamePathAs", "IsSubPathOf", "IsEnabled", "Enable", "GetPathToken", "GetOwner", "GetDepth"}
)

// fakeCOM makes an interface of which the test plays some functions; others must not be called.
func fakeCOM(t *testing.T, functions []string, played map[string]any) *comObject {
	table := new([32]uintptr)
	release := windows.NewCallback(func(uintptr) uintptr { return 0 })
	query := windows.NewCallback(func(this, _ uintptr, to *uintptr) uintptr { *to = this; return 0 })
	table[0], table[1], table[2] = query, release, release
	for i, name := range functions {
		if f, ok := played[name]; ok {
			table[3+i] = windows.NewCallback(f)
			continue
		}
		table[3+i] = windows.NewCallback(func(uintptr) uintptr { t.Errorf("%s was called", name); return 0x80004001 })
	}
	return &comObject{table}
}

// fakePath is a way from a component, the owner, to an adapter.
type fakePath struct {
	owner   string
	enabled bool
	object  *comObject
}

func newFakePath(t *testing.T, owner string, enabled bool) *fakePath {
	p := &fakePath{owner: owner, enabled: enabled}
	alloc := windows.NewLazySystemDLL("ole32.dll").NewProc("CoTaskMemAlloc")
	component := fakeCOM(t, componentFunctions, map[string]any{"GetId": func(_ uintptr, to *uintptr) uintptr {
		id := windows.StringToUTF16(owner)
		memory, _, _ := alloc.Call(uintptr(2 * len(id)))
		copy(unsafe.Slice(*(**uint16)(unsafe.Pointer(&memory)), len(id)), id)
		*to = memory
		return 0
	}})
	p.object = fakeCOM(t, pathFunctions, map[string]any{
		"IsEnabled": func(uintptr) uintptr {
			if p.enabled {
				return 0
			}
			return 1
		},
		"Enable":   func(_, on uintptr) uintptr { p.enabled = on != 0; return 0 },
		"GetOwner": func(_ uintptr, to **comObject) uintptr { *to = component; return 0 },
	})
	return p
}

// TestDriverIsBound to the adapters by its own paths, and to nothing by those of others which lead through it.
func TestDriverIsBound(t *testing.T) {
	above := []*fakePath{newFakePath(t, "ms_tcpip", false)}
	below := []*fakePath{newFakePath(t, "ms_ndiscap", true), newFakePath(t, "ms_ndiscap", false)}
	applied := 0
	bindings := fakeCOM(t, bindingsFunctions, map[string]any{"EnumBindingPaths": func(_, direction uintptr, to **comObject) uintptr {
		left := slices.Clone(above)
		if direction == 2 {
			left = slices.Clone(below)
		}
		*to = fakeCOM(t, enumFunctions, map[string]any{"Next": func(_, n uintptr, to **comObject, got *uint32) uintptr {
			if n != 1 || len(left) == 0 {
				return 1
			}
			*to, *got, left = left[0].object, 1, left[1:]
			return 0
		}})
		return 0
	}})
	cfg := fakeCOM(t, netCfgFunctions, map[string]any{
		"FindComponent": func(_ uintptr, id *uint16, to **comObject) uintptr {
			if windows.UTF16PtrToString(id) != "ms_ndiscap" {
				return 1
			}
			*to = bindings
			return 0
		},
		"Apply": func(uintptr) uintptr { applied++; return 0 },
	})
	for _, on := range []bool{true, true, false} {
		if err := bindPaths(cfg, on); err != nil {
			t.Fatal(err)
		}
		if below[0].enabled != on || below[1].enabled != on || above[0].enabled {
			t.Errorf("switched %v: %v %v, of others %v", on, below[0].enabled, below[1].enabled, above[0].enabled)
		}
	}
	if applied != 2 {
		t.Errorf("applied %d times, want 2: once nothing had changed", applied)
	}
	below = nil
	if err := bindPaths(cfg, true); err == nil {
		t.Error("attached to nothing, and content")
	}
}
