//go:build !linux && !windows && !darwin

package platform

import (
	"errors"
	"fmt"
)

func readTraffic() (map[int]Traffic, error) {
	return nil, fmt.Errorf("counters of the interfaces: %w", errors.ErrUnsupported)
}
