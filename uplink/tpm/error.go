package tpm

import (
	"fmt"
	"time"
)

// Response codes of the TCG TPM 2.0 Library, part 2 section 6.6.
const (
	rcYielded    = 0x908
	rcTesting    = 0x90a
	rcLockout    = 0x921
	rcRetry      = 0x922
	rcInitialize = 0x100
	rcBadTag     = 0x1e // what a TPM 1.2 answers

	// Of format one, without the number of the handle, session or parameter.
	rcHierarchy = 0x085
	rcAuthFail  = 0x08e
	rcBadAuth   = 0x0a2
)

const maxTries = 10

// waitBusy waits ever longer for a TPM that is busy: 2 s in all.
func waitBusy(try int) { time.Sleep(2 * time.Millisecond << try) }

// responseError says what a response code means to an administrator.
func responseError(rc uint32) error {
	code := rc
	if rc&0x80 != 0 {
		code = rc & 0xbf
	}
	why := ""
	switch code {
	case rcBadAuth, rcAuthFail:
		why = "its owner hierarchy has a password: provision a storage root key at 0x81000001, or clear that password"
	case rcLockout:
		why = "it is locked out after wrong passwords: wait, or reset it with the lockout password"
	case rcHierarchy:
		why = "its owner hierarchy is disabled in the firmware: enable it there"
	case rcRetry, rcYielded, rcTesting:
		why = "it stays busy: try again"
	case rcInitialize:
		why = "the firmware has not started it: see the firmware's settings"
	case rcBadTag:
		why = "it is a TPM 1.2: version 2.0 is needed"
	default:
		return fmt.Errorf("TPM answers with code %#x", rc)
	}
	return fmt.Errorf("TPM answers with code %#x: %s", rc, why)
}
