package tpm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"
)

// systemDevice has a resource manager: programs do not take each other's slots.
const systemDevice = "/dev/tpmrm0"

// answerTime bounds a command: making a key takes a slow TPM seconds.
const answerTime = 30 * time.Second

// open opens a TPM's device, or the socket of a program that is one.
func open(device string) (io.ReadWriteCloser, error) {
	if device == "" {
		device = systemDevice
	}
	info, err := os.Stat(device)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no TPM 2.0 at %s: switch it on in the firmware, or keep the key in a file: %w", device, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("TPM: %w", err)
	case info.Mode()&fs.ModeSocket != 0:
		c, err := net.Dial("unix", device)
		if err != nil {
			return nil, fmt.Errorf("TPM: %w", err)
		}
		return c, c.SetDeadline(time.Now().Add(answerTime))
	case info.Mode()&fs.ModeCharDevice == 0:
		return nil, fmt.Errorf("%s is not a TPM's device", device)
	}
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("the TPM %s may not be used: run as root, or join the group of the device: %w", device, fs.ErrPermission)
	}
	if err != nil {
		return nil, fmt.Errorf("TPM: %w", err)
	}
	return f, nil
}
