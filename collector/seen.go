package collector

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Seen returns when each monitor's last authenticated request came, taken or not, as far as the running receivers know.
func Seen(context.Context, *Place) (map[uuid.UUID]time.Time, error) { return nil, ErrNotRunning }
