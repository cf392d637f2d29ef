//go:build !linux && !windows

package tpm

import (
	"errors"
	"fmt"
	"io"
)

func open(string) (io.ReadWriteCloser, error) {
	return nil, fmt.Errorf("this system has no TPM that programs may use: keep the key in a file: %w", errors.ErrUnsupported)
}
