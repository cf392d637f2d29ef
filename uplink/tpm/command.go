package tpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Numbers of the TCG TPM 2.0 Library, part 2.
const (
	tagPlain    = 0x8001 // TPM_ST_NO_SESSIONS
	tagSessions = 0x8002 // TPM_ST_SESSIONS
	tagHash     = 0x8024 // TPM_ST_HASHCHECK

	ccCreatePrimary = 0x131
	ccCreate        = 0x153
	ccLoad          = 0x157
	ccSign          = 0x15d
	ccFlush         = 0x165
	ccReadPublic    = 0x173

	ownerHierarchy = 0x40000001 // TPM_RH_OWNER
	nullHierarchy  = 0x40000007 // TPM_RH_NULL
	password       = 0x40000009 // TPM_RS_PW
	storageRoot    = 0x81000001

	algAES    = 0x6
	algSHA256 = 0xb
	algNull   = 0x10
	algECDSA  = 0x18
	algECC    = 0x23
	algCFB    = 0x43
	curveP256 = 0x3

	// TPMA_OBJECT: fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA and what the key is for.
	attributesKey     = 1<<1 | 1<<4 | 1<<5 | 1<<6 | 1<<10
	attributesStorage = attributesKey | 1<<16 | 1<<17 // restricted, decrypt
	attributesSigning = attributesKey | 1<<18         // sign
)

const (
	maxResponse = 4096
	maxBlob     = 1024
)

// commander sends commands to a TPM, one after the other.
type commander struct{ t io.ReadWriter }

// builder makes a command or a structure.
type builder []byte

func (b builder) u16(n uint16) builder { return binary.BigEndian.AppendUint16(b, n) }
func (b builder) u32(n uint32) builder { return binary.BigEndian.AppendUint32(b, n) }
func (b builder) sized(p []byte) builder {
	return append(b.u16(uint16(len(p))), p...)
}

// reader takes a response or a structure apart. After the first thing that is not there it is bad, and gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return make([]byte, min(n, 4))
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }

func (r *reader) sized() []byte {
	n := int(r.u16())
	if n > len(r.b) {
		r.bad = true
		return nil
	}
	return r.take(n)
}

// withSize reads a TPM2B and returns it whole, its size included.
func (r *reader) withSize() []byte {
	before := r.b
	p := r.sized()
	if r.bad {
		return nil
	}
	return before[:2+len(p)]
}

var errResponse = errors.New("the TPM's answer makes no sense")

// run sends a command. With authorised its first handle is used with an empty password. It returns what follows the response's header.
func (c commander) run(code uint32, handles []uint32, authorised bool, params builder) (*reader, error) {
	body := builder{}
	for _, h := range handles {
		body = body.u32(h)
	}
	tag := uint16(tagPlain)
	if authorised {
		tag = tagSessions
		body = append(body.u32(9).u32(password).u16(0), 0).u16(0)
	}
	body = append(body, params...)
	command := append(builder{}.u16(tag).u32(uint32(10+len(body))).u32(code), body...)
	answer, err := c.exchange(command)
	if err != nil {
		return nil, fmt.Errorf("TPM: %w", err)
	}
	r := &reader{b: answer}
	r.u16()
	if size := r.u32(); int(size) != len(answer) {
		return nil, errResponse
	}
	if rc := r.u32(); rc != 0 || r.bad {
		return nil, responseError(rc)
	}
	return r, nil
}

// exchange sends a command until the TPM is not busy any more.
func (c commander) exchange(command []byte) ([]byte, error) {
	buf := make([]byte, maxResponse)
	for try := 0; ; try++ {
		if _, err := c.t.Write(command); err != nil {
			return nil, err
		}
		n, err := c.t.Read(buf)
		if err != nil {
			return nil, err
		}
		for n >= 10 && n < int(binary.BigEndian.Uint32(buf[2:])) && n < len(buf) { // a socket gives it in parts
			more, err := c.t.Read(buf[n:])
			if err != nil {
				return nil, err
			}
			n += more
		}
		if n < 10 {
			return nil, errResponse
		}
		rc := binary.BigEndian.Uint32(buf[6:])
		if try == maxTries || rc != rcRetry && rc != rcYielded && rc != rcTesting {
			return buf[:n], nil
		}
		waitBusy(try)
	}
}

// parent finds the storage key under which to make a key, and returns which one it is and its handle.
func (c commander) parent() (which, handle uint32, err error) {
	if _, err := c.run(ccReadPublic, []uint32{storageRoot}, false, nil); err == nil {
		return storageRoot, storageRoot, nil
	}
	handle, err = c.createPrimary()
	return ownerHierarchy, handle, err
}

// reopen returns the handle of the storage key that parent found.
func (c commander) reopen(which uint32) (uint32, error) {
	if which == storageRoot {
		return storageRoot, nil
	}
	return c.createPrimary()
}

func (c commander) release(which, handle uint32) {
	if which != storageRoot {
		c.flush(handle)
	}
}

// public makes the TPM2B_PUBLIC of a template without a unique part.
func public(attributes uint32, symmetric ...uint16) builder {
	t := builder{}.u16(algECC).u16(algSHA256).u32(attributes).u16(0)
	for _, n := range symmetric {
		t = t.u16(n)
	}
	t = t.u16(algNull).u16(curveP256).u16(algNull).u16(0).u16(0)
	return builder{}.sized(t)
}

// sensitive is an empty TPM2B_SENSITIVE_CREATE, nowhere an empty TPM2B_DATA and an empty TPML_PCR_SELECTION.
var (
	sensitive = builder{}.u16(4).u16(0).u16(0)
	nowhere   = builder{}.u16(0).u32(0)
)

// createPrimary derives the ECC storage key of the owner hierarchy: the same each time.
func (c commander) createPrimary() (handle uint32, err error) {
	params := append(append(append(builder{}, sensitive...), public(attributesStorage, algAES, 128, algCFB)...), nowhere...)
	r, err := c.run(ccCreatePrimary, []uint32{ownerHierarchy}, true, params)
	if err != nil {
		return 0, fmt.Errorf("storage key: %w", err)
	}
	if handle = r.u32(); r.bad {
		return 0, errResponse
	}
	return handle, nil
}

func (c commander) create(parent uint32) (private, pub []byte, err error) {
	params := append(append(append(builder{}, sensitive...), public(attributesSigning, algNull)...), nowhere...)
	r, err := c.run(ccCreate, []uint32{parent}, true, params)
	if err != nil {
		return nil, nil, fmt.Errorf("signing key: %w", err)
	}
	r.u32()
	if private, pub = r.withSize(), r.withSize(); r.bad {
		return nil, nil, errResponse
	}
	return private, pub, nil
}

func (c commander) load(parent uint32, private, public []byte) (handle uint32, err error) {
	r, err := c.run(ccLoad, []uint32{parent}, true, append(append(builder{}, private...), public...))
	if err != nil {
		return 0, err
	}
	if handle = r.u32(); r.bad {
		return 0, errResponse
	}
	return handle, nil
}

func (c commander) sign(key uint32, digest []byte) (r, s []byte, err error) {
	params := builder{}.sized(digest).u16(algECDSA).u16(algSHA256).u16(tagHash).u32(nullHierarchy).u16(0)
	a, err := c.run(ccSign, []uint32{key}, true, params)
	if err != nil {
		return nil, nil, fmt.Errorf("sign: %w", err)
	}
	a.u32()
	scheme, hash := a.u16(), a.u16()
	if r, s = a.sized(), a.sized(); a.bad || scheme != algECDSA || hash != algSHA256 {
		return nil, nil, errResponse
	}
	return r, s, nil
}

// flush frees a slot of the TPM; what goes wrong with that goes wrong with the next command too.
func (c commander) flush(handle uint32) {
	_, _ = c.run(ccFlush, nil, false, builder{}.u32(handle))
}
