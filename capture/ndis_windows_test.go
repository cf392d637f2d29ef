package capture

import (
	"bytes"
	"encoding/binary"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// TestTraceStructures: fields lie where evntrace.h and evntcons.h put them for programs of 64 bits.
func TestTraceStructures(t *testing.T) {
	var p traceProperties
	var l traceLogfile
	for what, pair := range map[string][2]uintptr{
		"EVENT_TRACE_PROPERTIES.Wnode.ClientContext": {unsafe.Offsetof(p.clock), 40},
		"EVENT_TRACE_PROPERTIES.Wnode.Flags":         {unsafe.Offsetof(p.flags), 44},
		"EVENT_TRACE_PROPERTIES.BufferSize":          {unsafe.Offsetof(p.bufferKiB), 48},
		"EVENT_TRACE_PROPERTIES.MaximumBuffers":      {unsafe.Offsetof(p.maxBuffers), 56},
		"EVENT_TRACE_PROPERTIES.LogFileMode":         {unsafe.Offsetof(p.mode), 64},
		"EVENT_TRACE_PROPERTIES.FlushTimer":          {unsafe.Offsetof(p.flushTimer), 68},
		"EVENT_TRACE_PROPERTIES.EventsLost":          {unsafe.Offsetof(p.eventsLost), 88},
		"EVENT_TRACE_PROPERTIES.RealTimeBuffersLost": {unsafe.Offsetof(p.realTimeBuffersLost), 100},
		"EVENT_TRACE_PROPERTIES.LoggerNameOffset":    {unsafe.Offsetof(p.nameOffset), 116},
		"EVENT_TRACE_PROPERTIES":                     {unsafe.Offsetof(p.name), 120},
		"EVENT_TRACE_LOGFILEW.LoggerName":            {unsafe.Offsetof(l.loggerName), 8},
		"EVENT_TRACE_LOGFILEW.ProcessTraceMode":      {unsafe.Offsetof(l.mode), 28},
		"EVENT_TRACE_LOGFILEW.BufferCallback":        {unsafe.Offsetof(l.buffer), 400},
		"EVENT_TRACE_LOGFILEW.EventRecordCallback":   {unsafe.Offsetof(l.eventRecord), 424},
		"EVENT_TRACE_LOGFILEW":                       {unsafe.Sizeof(l), 448},
		"struct bpf_program of Windows":              {unsafe.Sizeof(bpfProgram{}), 16},
		"struct bpf_insn":                            {unsafe.Sizeof(bpfInstruction{}), 8},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d, want %d", what, pair[0], pair[1])
		}
	}
}

// TestTraceCallbacks calls them as the system does: events come with what they carry, the provider of others without.
func TestTraceCallbacks(t *testing.T) {
	var got []traceEvent
	flushed := 0
	err := (&etw{}).process(func(e *traceEvent) {
		kept := *e
		kept.payload = bytes.Clone(e.payload)
		got = append(got, kept)
	}, func() { flushed++ })
	if err == nil || !strings.Contains(err.Error(), sessionName) {
		t.Error("a session that is not there was read:", err)
	}
	payload := ndisEvent(4, 4, 0, []byte{1, 2, 3}).payload
	record := eventRecord(ndisFragment, whole, 133_000_000_000_000_000)
	binary.LittleEndian.PutUint16(record[eventDataLength:], uint16(len(payload)))
	*(**byte)(unsafe.Pointer(&record[eventData])) = &payload[0]
	call := func(callback uintptr, to []byte) uintptr {
		r, _, _ := syscall.SyscallN(callback, uintptr(unsafe.Pointer(&to[0])))
		return r
	}
	call(consumer.record, record)
	record[eventProvider]++
	call(consumer.record, record)
	runtime.KeepAlive(payload)
	if len(got) != 1 || got[0].id != ndisFragment || got[0].keywords != whole || !bytes.Equal(got[0].payload, payload) {
		t.Errorf("%+v", got)
	}
	if call(consumer.block, make([]byte, 448)) != 1 || flushed != 1 {
		t.Error("the end of a buffer was not told, or ended the session")
	}
}

// TestAdapters: every interface that net knows and that is up is found, with the addresses that it has.
func TestAdapters(t *testing.T) {
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, in := range list {
		a, err := findAdapter(in.Index)
		if in.Flags&net.FlagUp == 0 {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", in.Name, err)
			continue
		}
		found++
		addrs, _ := in.Addrs()
		if len(a.guid) != 38 || a.loopback != (in.Flags&net.FlagLoopback != 0) || len(a.addrs) != len(addrs) {
			t.Errorf("%s: %+v, want %v", in.Name, a, addrs)
		}
	}
	if found == 0 {
		t.Error("no interface is up")
	}
	if _, err := Open("eth", 1<<30, Options{}); err == nil || !strings.Contains(err.Error(), ErrInterfaceDown.Error()) {
		t.Error(err)
	}
}

// TestOneCaptor: of two sessions on a host the second is refused before it could take the first one's.
func TestOneCaptor(t *testing.T) {
	first, second := &etw{}, &etw{}
	defer first.release()
	defer second.release()
	_ = first.prepare() // which may fail later, for want of a driver
	if err := second.prepare(); err == nil || !strings.Contains(err.Error(), "another argus-endpoint captures") {
		t.Error(err)
	}
	first.release()
	if err := second.prepare(); err != nil && strings.Contains(err.Error(), "another argus-endpoint captures") {
		t.Error(err)
	}
}

// TestOneCaptorSquatted: who is no administrator keeps nobody from capturing by making the mutex, or something else of its name, first.
func TestOneCaptorSquatted(t *testing.T) {
	for what, make := range map[string]func(*windows.SecurityAttributes, *uint16) (windows.Handle, error){
		"a mutex": func(a *windows.SecurityAttributes, name *uint16) (windows.Handle, error) {
			return windows.CreateMutex(a, false, name)
		},
		"an event": func(a *windows.SecurityAttributes, name *uint16) (windows.Handle, error) {
			return windows.CreateEvent(a, 0, 0, name)
		},
	} {
		name := `Global\argus-endpoint-test-` + what
		sd, err := windows.SecurityDescriptorFromString("O:S-1-5-21-1-2-3-1001D:(A;;GA;;;WD)")
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := make(&windows.SecurityAttributes{Length: 24, SecurityDescriptor: sd}, windows.StringToUTF16Ptr(name))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := ownSession(name)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		_ = windows.CloseHandle(ours)
		_ = windows.CloseHandle(theirs)
	}
}
