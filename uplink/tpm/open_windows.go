package tpm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// TPM Base Services, tbs.h.
var (
	tbs           = windows.NewLazySystemDLL("tbs.dll")
	contextCreate = tbs.NewProc("Tbsi_Context_Create")
	submitCommand = tbs.NewProc("Tbsip_Submit_Command")
	contextClose  = tbs.NewProc("Tbsip_Context_Close")
)

const (
	tbsTPMNotFound    = 0x8028400f // TBS_E_TPM_NOT_FOUND
	tbsDisabled       = 0x80284010 // TBS_E_SERVICE_DISABLED
	tbsVersion2       = 2          // TPM_VERSION_20 of TBS_CONTEXT_PARAMS2
	tbsIncludeTPM20   = 1 << 2
	tbsLocalityZero   = 0
	tbsNormalPriority = 200
)

// context is a connection to TPM Base Services: a Write is a command, the Read after it its answer.
type context struct {
	handle uintptr
	buf    [maxResponse]byte
	answer []byte
}

// open connects to TPM Base Services: Windows has one TPM, and shares it out itself.
func open(device string) (io.ReadWriteCloser, error) {
	if device != "" {
		return nil, fmt.Errorf("Windows knows its TPM by itself: give --key-store tpm instead of a device %q", device)
	}
	if err := submitCommand.Find(); err != nil {
		return nil, fmt.Errorf("there are no TPM Base Services: %w", errors.ErrUnsupported)
	}
	params := struct{ version, flags uint32 }{tbsVersion2, tbsIncludeTPM20}
	c := &context{}
	switch rc, _, _ := contextCreate.Call(uintptr(unsafe.Pointer(&params)), uintptr(unsafe.Pointer(&c.handle))); uint32(rc) {
	case 0:
		return c, nil
	case tbsTPMNotFound:
		return nil, fmt.Errorf("there is no TPM 2.0: switch it on in the firmware, or keep the key in a file: %w", fs.ErrNotExist)
	case tbsDisabled:
		return nil, errors.New("the TPM is disabled by policy: keep the key in a file")
	default:
		return nil, fmt.Errorf("TPM Base Services answer %#x", uint32(rc))
	}
}

func (c *context) Write(command []byte) (int, error) {
	size := uint32(len(c.buf))
	rc, _, _ := submitCommand.Call(c.handle, tbsLocalityZero, tbsNormalPriority, uintptr(unsafe.Pointer(&command[0])), uintptr(len(command)),
		uintptr(unsafe.Pointer(&c.buf[0])), uintptr(unsafe.Pointer(&size)))
	if rc != 0 || size > maxResponse {
		return 0, fmt.Errorf("TPM Base Services answer %#x", uint32(rc))
	}
	c.answer = c.buf[:size]
	return len(command), nil
}

func (c *context) Read(p []byte) (int, error) {
	n := copy(p, c.answer)
	c.answer = c.answer[n:]
	return n, nil
}

func (c *context) Close() error {
	contextClose.Call(c.handle)
	return nil
}
