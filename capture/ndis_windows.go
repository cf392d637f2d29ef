package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// session is the one trace session of this process.
var session = ndis{tracer: &etw{}}

// etw is Event Tracing for Windows (evntrace.h, evntcons.h). Its structures are those of programs of 64 bits.
type etw struct {
	owner windows.Handle // of the mutex that says that this process is the one which captures; 0 before prepare
	id    uint64         // of the session

	reading atomic.Uint64 // what process reads from; 0: nothing
}

func openNDIS(name string, a *adapter, o Options) (Source, error) {
	if a.loopback {
		return nil, fmt.Errorf("the driver %s does not see the loopback interface: %w", driverName, errors.ErrUnsupported)
	}
	return session.open(name, a.index, o)
}

// sessionName is that of the trace session, and of the mutex of who has it.
const sessionName = "argus-endpoint"

var (
	advapi         = windows.NewLazySystemDLL("advapi32.dll")
	startTrace     = advapi.NewProc("StartTraceW")
	controlTrace   = advapi.NewProc("ControlTraceW")
	enableTraceEx2 = advapi.NewProc("EnableTraceEx2")
	openTrace      = advapi.NewProc("OpenTraceW")
	processTrace   = advapi.NewProc("ProcessTrace")
	closeTrace     = advapi.NewProc("CloseTrace")
)

// traceProperties is EVENT_TRACE_PROPERTIES, which begins with a WNODE_HEADER, and room for the session's name behind it.
type traceProperties struct {
	size                uint32
	_                   [36]byte
	clock               uint32 // 2: the system's time
	flags               uint32
	bufferKiB           uint32
	minBuffers          uint32
	maxBuffers          uint32
	_                   uint32
	mode                uint32
	flushTimer          uint32
	_                   [16]byte
	eventsLost          uint32
	_                   uint32
	logBuffersLost      uint32
	realTimeBuffersLost uint32
	_                   [12]byte
	nameOffset          uint32
	name                [64]uint16
}

// Numbers of evntrace.h and evntcons.h.
const (
	wnodeTracedGUID    = 0x20000
	realTimeMode       = 0x100
	msFlushTimer       = 0x10
	processEventRecord = 0x10000000
	controlQuery       = 0
	controlStop        = 1
	enableProvider     = 1
	levelInformation   = 4
	invalidTrace       = ^uint64(0)
	sessionBufferKiB   = 128 // a buffer holds the largest event, 64 KiB
	sessionBuffers     = 32
	sessionFlushMillis = 200
	ndisKeywords       = ndisStart | ndisEnd | ndisSend | ndisReceive | ndisPacket
)

func newProperties() *traceProperties {
	return &traceProperties{
		size: uint32(unsafe.Sizeof(traceProperties{})), clock: 2, flags: wnodeTracedGUID, mode: realTimeMode | msFlushTimer,
		bufferKiB: sessionBufferKiB, minBuffers: 4, maxBuffers: sessionBuffers, flushTimer: sessionFlushMillis,
		nameOffset: uint32(unsafe.Offsetof(traceProperties{}.name)),
	}
}

// status makes an error of what a function of this interface returns.
func status(what string, r uintptr) error {
	if r == 0 {
		return nil
	}
	err := error(syscall.Errno(r))
	switch {
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w (run as administrator, or as the service)", err)
	case r == uintptr(windows.ERROR_CALL_NOT_IMPLEMENTED):
		err = fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (t *etw) prepare() error {
	for _, p := range []*windows.LazyProc{startTrace, controlTrace, enableTraceEx2, openTrace, processTrace, closeTrace} {
		if err := p.Find(); err != nil {
			return fmt.Errorf("this Windows cannot trace: %w: %w", err, errors.ErrUnsupported)
		}
	}
	if t.owner == 0 {
		h, err := ownSession(`Global\` + sessionName + "-capture")
		if err != nil {
			return err
		}
		t.owner = h
	}
	if err := startDriver(); err != nil {
		return err
	}
	return attachDriver()
}

// ownSession makes the mutex that says that this process is the one which captures, or tells that another one is. Everybody may make
// a mutex: one that a user has made says nothing, and is no reason to let the host go without.
func ownSession(name string) (windows.Handle, error) {
	sd, err := windows.SecurityDescriptorFromString("O:BAD:P(A;;GA;;;SY)(A;;GA;;;BA)")
	if err != nil {
		return 0, err
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	h, err := windows.CreateMutex(&attributes, false, windows.StringToUTF16Ptr(name))
	if errors.Is(err, windows.ERROR_ALREADY_EXISTS) && isTrustedMutex(h) {
		_ = windows.CloseHandle(h)
		return 0, errors.New("another argus-endpoint captures on this host: stop it (Get-Service argus-endpoint)")
	}
	if h == 0 { // somebody's who lets nobody near it, or of another kind: one without a name says nothing to others
		h, err = windows.CreateMutex(nil, false, nil)
	}
	if h == 0 {
		return 0, fmt.Errorf("mutex: %w", err)
	}
	return h, nil
}

func isTrustedMutex(h windows.Handle) bool {
	sd, err := windows.GetSecurityInfo(h, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return false
	}
	owner, _, err := sd.Owner()
	return err == nil && owner != nil && isTrusted(owner)
}

func (t *etw) release() {
	if t.owner != 0 {
		_ = countDriver(false) // the driver does nothing while no session wants its events
		_ = windows.CloseHandle(t.owner)
		t.owner = 0
	}
}

func (t *etw) start() error {
	name := windows.StringToUTF16Ptr(sessionName)
	r, _, _ := startTrace.Call(uintptr(unsafe.Pointer(&t.id)), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(newProperties())))
	return status("start the trace session "+sessionName, r)
}

func (t *etw) enable() error {
	r, _, _ := enableTraceEx2.Call(uintptr(t.id), uintptr(unsafe.Pointer(&ndisProvider)), enableProvider, levelInformation,
		ndisKeywords, 0, 0, 0)
	return status("enable the provider Microsoft-Windows-NDIS-PacketCapture", r)
}

// control asks for the session of our name to be ended, or how it is.
func control(code uintptr) (*traceProperties, error) {
	p, name := newProperties(), windows.StringToUTF16Ptr(sessionName)
	r, _, _ := controlTrace.Call(0, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(p)), code)
	return p, status("control the trace session "+sessionName, r)
}

func (t *etw) stop() error {
	_, err := control(controlStop)
	t.close() // ProcessTrace is documented to find out by itself only after seconds
	return err
}

// close ends process, or what is left of it.
func (t *etw) close() {
	if h := t.reading.Swap(0); h != 0 {
		_, _, _ = closeTrace.Call(uintptr(h))
	}
}

func (t *etw) lost() (uint32, error) {
	p, err := control(controlQuery)
	return p.eventsLost + p.realTimeBuffersLost, err
}

// traceLogfile is EVENT_TRACE_LOGFILEW.
type traceLogfile struct {
	_           uintptr
	loggerName  *uint16
	_           [12]byte
	mode        uint32
	_           [368]byte // EVENT_TRACE, TRACE_LOGFILE_HEADER
	buffer      uintptr   // called after each buffer
	_           [16]byte
	eventRecord uintptr // called for each event
	_           [8]byte
	context     uintptr
}

// consumer is who gets the events: the callbacks are made once, since the system never gives one back.
var consumer struct {
	event         func(*traceEvent)
	flush         func()
	next          traceEvent
	record, block uintptr
}

func takeRecord(record *[eventRecordSize]byte) uintptr {
	e, ok := readEvent(record[:])
	if !ok {
		return 0
	}
	if size := int(*(*uint16)(unsafe.Pointer(&record[eventDataLength]))); size > 0 {
		e.payload = unsafe.Slice(*(**byte)(unsafe.Pointer(&record[eventData])), size)
	}
	consumer.next = e
	consumer.event(&consumer.next)
	return 0
}

func takeBlock(*traceLogfile) uintptr {
	consumer.flush()
	return 1 // go on
}

func (t *etw) process(event func(*traceEvent), flush func()) error {
	c := &consumer
	c.event, c.flush = event, flush
	if c.record == 0 {
		c.record, c.block = windows.NewCallback(takeRecord), windows.NewCallback(takeBlock)
	}
	log := &traceLogfile{
		loggerName: windows.StringToUTF16Ptr(sessionName), mode: realTimeMode | processEventRecord, buffer: c.block, eventRecord: c.record,
	}
	h, _, err := openTrace.Call(uintptr(unsafe.Pointer(log)))
	if uint64(h) == invalidTrace {
		return fmt.Errorf("open the trace session %s: %w", sessionName, err)
	}
	handle := uint64(h)
	t.reading.Store(handle)
	r, _, _ := processTrace.Call(uintptr(unsafe.Pointer(&handle)), 1, 0, 0)
	t.close()
	runtime.KeepAlive(log) // with the name: nothing says that the system has copied it
	return status("process the trace session "+sessionName, r)
}
