package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Npcap's library, of which only the functions below are used. It stays loaded.
var wpcap struct {
	mu     sync.Mutex
	loaded bool

	create, activate, close, geterr, statustostr             uintptr
	setSnapLen, setPromisc, setTimeout, setBufferSize        uintptr
	setFilter, setNonBlock, dataLink, nextEx, stats, breakUp uintptr

	setImmediate, setTimestamp uintptr // 0 where an old library has none
}

// errNoNpcap makes the next way to capture be tried.
var errNoNpcap = fmt.Errorf("Npcap is not installed (https://npcap.com): %w", errors.ErrUnsupported)

// loadNpcap loads the library from where Npcap's installer puts it, and what it needs from there and from the system: never from
// the working directory or the path. Nobody but administrators may be able to change it.
func loadNpcap() error {
	w := &wpcap
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loaded {
		return nil
	}
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return err
	}
	dir := filepath.Join(system, "Npcap")
	file := filepath.Join(dir, "wpcap.dll")
	for _, path := range []string{dir, file, filepath.Join(dir, "Packet.dll")} {
		switch err := onlyAdministratorsWrite(path); {
		case errors.Is(err, fs.ErrNotExist) && path != file && path != dir: // without it the library does not load, or does not need it
		case errors.Is(err, fs.ErrNotExist):
			return errNoNpcap
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	lib, err := windows.LoadLibraryEx(file, 0, windows.LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR|windows.LOAD_LIBRARY_SEARCH_SYSTEM32)
	if err != nil {
		return fmt.Errorf("load %s: %w: reinstall Npcap", file, err)
	}
	for name, to := range map[string]*uintptr{
		"create": &w.create, "activate": &w.activate, "close": &w.close, "geterr": &w.geterr, "statustostr": &w.statustostr,
		"set_snaplen": &w.setSnapLen, "set_promisc": &w.setPromisc, "set_timeout": &w.setTimeout, "set_buffer_size": &w.setBufferSize,
		"setfilter": &w.setFilter, "setnonblock": &w.setNonBlock, "datalink": &w.dataLink, "next_ex": &w.nextEx, "stats": &w.stats,
		"breakloop": &w.breakUp, "set_immediate_mode": &w.setImmediate, "set_tstamp_type": &w.setTimestamp,
	} {
		if *to, err = windows.GetProcAddress(lib, "pcap_"+name); err != nil && to != &w.setImmediate && to != &w.setTimestamp {
			return fmt.Errorf("%s has no pcap_%s: update Npcap: %w", file, name, errors.ErrUnsupported)
		}
	}
	w.loaded = true
	return nil
}

// npcapHandle is a pcapHandle of the library.
type npcapHandle struct {
	p     uintptr
	index int // of the interface
	snap  int
}

// Numbers of pcap/pcap.h.
const (
	pcapErrorBuffer  = 256
	pcapHostHiPrec   = 2 // the system's precise time; Npcap's default drifts away from it
	pcapPermDenied   = -8
	pcapNotUp        = -9
	pcapPromiscDeny  = -11
	pcapIdleMillis   = 60_000
	pcapShallowDelay = 100 // milliseconds, where there is no immediate mode
)

func openNpcap(name string, a *adapter, o Options) (Source, error) {
	if err := loadNpcap(); err != nil {
		return nil, err
	}
	device := `\Device\NPF_` + a.guid
	if a.loopback {
		device = `\Device\NPF_Loopback`
	}
	h, err := activate(device, a.index, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", device, err)
	}
	link := LinkType(int32(call(wpcap.dataLink, h.p)))
	q := newQueue(name, a.index, "npcap", o)
	feedPcap(q, h, link)
	return q, nil
}

// activate begins to capture on a device.
func activate(device string, index int, o Options) (*npcapHandle, error) {
	source, err := windows.BytePtrFromString(device)
	if err != nil {
		return nil, err
	}
	var text [pcapErrorBuffer]byte
	h := &npcapHandle{p: call(wpcap.create, uintptr(unsafe.Pointer(source)), uintptr(unsafe.Pointer(&text))), index: index, snap: o.SnapLen}
	if h.p == 0 {
		return nil, errors.New(windows.ByteSliceToString(text[:]))
	}
	promiscuous, timeout := uintptr(0), uintptr(pcapShallowDelay)
	if o.Promiscuous {
		promiscuous = 1
	}
	if wpcap.setImmediate != 0 && int32(call(wpcap.setImmediate, h.p, 1)) == 0 {
		timeout = pcapIdleMillis
	}
	call(wpcap.setSnapLen, h.p, uintptr(o.SnapLen))
	call(wpcap.setPromisc, h.p, promiscuous)
	call(wpcap.setTimeout, h.p, timeout)
	call(wpcap.setBufferSize, h.p, uintptr(o.Ring))
	if wpcap.setTimestamp != 0 {
		call(wpcap.setTimestamp, h.p, pcapHostHiPrec) // where it is refused the default remains
	}
	if err = h.begin(o); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// begin activates the handle, whose kernel then keeps snapLen octets of each frame.
func (h *npcapHandle) begin(o Options) error {
	if r := int32(call(wpcap.activate, h.p)); r < 0 {
		err := errors.New(cString(call(wpcap.statustostr, uintptr(r))) + ": " + h.problem())
		switch r {
		case pcapPermDenied, pcapPromiscDeny:
			return fmt.Errorf("%w (Npcap is restricted to administrators: run as one, or as the service): %w", err, fs.ErrPermission)
		case pcapNotUp:
			return fmt.Errorf("%w: %w", err, ErrInterfaceDown)
		}
		return err
	}
	keep := bpfInstruction{code: 0x06, k: uint32(o.SnapLen)} // BPF_RET|BPF_K
	if r := int32(call(wpcap.setFilter, h.p, uintptr(unsafe.Pointer(&bpfProgram{1, &keep})))); r != 0 {
		return fmt.Errorf("filter: %s", h.problem())
	}
	return nil
}

// bpfProgram and bpfInstruction are struct bpf_program and struct bpf_insn (pcap/bpf.h).
type bpfProgram struct {
	length uint32
	first  *bpfInstruction
}

type bpfInstruction struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

func (h *npcapHandle) next() (header, data []byte, err error) {
	var head, body *byte
	r, _, _ := syscall.SyscallN(wpcap.nextEx, h.p, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&body)))
	switch int32(r) {
	case 1:
		header = unsafe.Slice(head, pcapHeaderSize)
		_, captured, _ := pcapNote(header, 0)
		return header, unsafe.Slice(body, min(int(captured), h.snap)), nil
	case -1:
		if _, err := findAdapter(h.index); errors.Is(err, ErrInterfaceDown) {
			return nil, nil, fmt.Errorf("%w: %s", ErrInterfaceDown, h.problem())
		}
		return nil, nil, errors.New(h.problem())
	}
	return nil, nil, nil
}

func (h *npcapHandle) setNonBlock(on bool) error {
	var text [pcapErrorBuffer]byte
	mode := uintptr(0)
	if on {
		mode = 1
	}
	if int32(call(wpcap.setNonBlock, h.p, mode, uintptr(unsafe.Pointer(&text)))) != 0 {
		return errors.New(windows.ByteSliceToString(text[:]))
	}
	return nil
}

func (h *npcapHandle) breakLoop() { call(wpcap.breakUp, h.p) }

func (h *npcapHandle) drops() (uint32, error) {
	var s [16]uint32 // struct pcap_stat: received, dropped, dropped by the interface, and what Windows has beside it
	if int32(call(wpcap.stats, h.p, uintptr(unsafe.Pointer(&s)))) != 0 {
		return 0, errors.New(h.problem())
	}
	return s[1], nil
}

func (h *npcapHandle) close() { call(wpcap.close, h.p) }

func (h *npcapHandle) problem() string { return cString(call(wpcap.geterr, h.p)) }

// call calls a function of a library. What args point to stays where it is meanwhile.
//
//go:uintptrescapes
func call(function uintptr, args ...uintptr) uintptr {
	r, _, _ := syscall.SyscallN(function, args...)
	return r
}

func cString(p uintptr) string {
	if p == 0 {
		return ""
	}
	return windows.BytePtrToString(*(**byte)(unsafe.Pointer(&p)))
}
