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
	sync.Mutex
	loaded bool
	at     [len(pcapFunctions)]uintptr
}

// pcapFunctions are the names of the functions, without "pcap_"; an old library may lack the last two.
var pcapFunctions = [...]string{"create", "activate", "close", "geterr", "statustostr", "set_snaplen", "set_promisc", "set_timeout",
	"set_buffer_size", "setfilter", "setnonblock", "datalink", "next_ex", "stats", "breakloop", "set_immediate_mode", "set_tstamp_type"}

const (
	pcapCreate = iota
	pcapActivate
	pcapClose
	pcapGetErr
	pcapStatusToStr
	pcapSetSnapLen
	pcapSetPromisc
	pcapSetTimeout
	pcapSetBufferSize
	pcapSetFilter
	pcapSetNonBlock
	pcapDataLink
	pcapNextEx
	pcapStats
	pcapBreakLoop
	pcapSetImmediate
	pcapSetTimestamp
)

// errNoNpcap makes the next way to capture be tried.
var errNoNpcap = fmt.Errorf("it is not installed (https://npcap.com): %w", errors.ErrUnsupported)

// loadNpcap loads the library from where Npcap's installer puts it, and what it needs from there and from the system: never from
// the working directory or the path. Nobody but administrators may be able to change it.
func loadNpcap() error {
	wpcap.Lock()
	defer wpcap.Unlock()
	if wpcap.loaded {
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
	for i, name := range pcapFunctions {
		if wpcap.at[i], err = windows.GetProcAddress(lib, "pcap_"+name); err != nil && i < pcapSetImmediate {
			return fmt.Errorf("%s has no pcap_%s: update Npcap: %w", file, name, errors.ErrUnsupported)
		}
	}
	wpcap.loaded = true
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
	pcapIdleMillis   = 4_000 // a stop waits no longer where an old library does not wake from a wait
	pcapShallowDelay = 100   // milliseconds, where there is no immediate mode
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
	if err != nil && a.loopback {
		return nil, fmt.Errorf("%s (Npcap's installer offers support of loopback traffic): %s: %w", device, err, errors.ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", device, err)
	}
	link := LinkType(int32(call(pcapDataLink, h.p)))
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
	h := &npcapHandle{p: call(pcapCreate, uintptr(unsafe.Pointer(source)), uintptr(unsafe.Pointer(&text))), index: index, snap: o.SnapLen}
	if h.p == 0 {
		return nil, errors.New(windows.ByteSliceToString(text[:]))
	}
	promiscuous, timeout := uintptr(0), uintptr(pcapShallowDelay)
	if o.Promiscuous {
		promiscuous = 1
	}
	if wpcap.at[pcapSetImmediate] != 0 && int32(call(pcapSetImmediate, h.p, 1)) == 0 {
		timeout = pcapIdleMillis
	}
	call(pcapSetSnapLen, h.p, uintptr(o.SnapLen))
	call(pcapSetPromisc, h.p, promiscuous)
	call(pcapSetTimeout, h.p, timeout)
	call(pcapSetBufferSize, h.p, uintptr(o.Ring))
	if wpcap.at[pcapSetTimestamp] != 0 {
		call(pcapSetTimestamp, h.p, pcapHostHiPrec) // where it is refused the default remains
	}
	if err = h.begin(o); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// begin activates the handle, whose kernel then keeps snapLen octets of each frame.
func (h *npcapHandle) begin(o Options) error {
	if r := int32(call(pcapActivate, h.p)); r < 0 {
		err := errors.New(cString(call(pcapStatusToStr, uintptr(r))) + ": " + h.problem())
		switch r {
		case pcapPermDenied, pcapPromiscDeny:
			return fmt.Errorf("%w (Npcap is restricted to administrators: run as one, or as the service): %w", err, fs.ErrPermission)
		case pcapNotUp:
			return fmt.Errorf("%w: %w", err, ErrInterfaceDown)
		}
		return err
	}
	keep := bpfInstruction{code: 0x06, k: uint32(o.SnapLen)} // BPF_RET|BPF_K
	if r := int32(call(pcapSetFilter, h.p, uintptr(unsafe.Pointer(&bpfProgram{1, &keep})))); r != 0 {
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
	code uint16
	_    [2]uint8
	k    uint32
}

func (h *npcapHandle) next() (header, data []byte, err error) {
	var head, body *byte
	r, _, _ := syscall.SyscallN(wpcap.at[pcapNextEx], h.p, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&body)))
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
	if int32(call(pcapSetNonBlock, h.p, mode, uintptr(unsafe.Pointer(&text)))) != 0 {
		return errors.New(windows.ByteSliceToString(text[:]))
	}
	return nil
}

func (h *npcapHandle) breakLoop() { call(pcapBreakLoop, h.p) }

func (h *npcapHandle) drops() (uint32, error) {
	var s [16]uint32 // struct pcap_stat: received, dropped, dropped by the interface, and what Windows has beside it
	if int32(call(pcapStats, h.p, uintptr(unsafe.Pointer(&s)))) != 0 {
		return 0, errors.New(h.problem())
	}
	return s[1], nil
}

func (h *npcapHandle) close() { call(pcapClose, h.p) }

func (h *npcapHandle) problem() string { return cString(call(pcapGetErr, h.p)) }

// call calls a function of the library. What args point to stays where it is meanwhile.
//
//go:uintptrescapes
func call(function int, args ...uintptr) uintptr {
	r, _, _ := syscall.SyscallN(wpcap.at[function], args...)
	return r
}

func cString(p uintptr) string {
	if p == 0 {
		return ""
	}
	return windows.BytePtrToString(*(**byte)(unsafe.Pointer(&p)))
}
