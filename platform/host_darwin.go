package platform

import (
	"iter"

	"github.com/gofrs/uuid/v5"
)

// systemIDs yields what gethostuuid(3) returns, as the Argus sensor does. The sysctl kern.uuid is not the host's but the kernel's.
func systemIDs() iter.Seq2[string, string] {
	return func(yield func(text, origin string) bool) {
		if id, err := hostUUID(); err == nil {
			yield(uuid.UUID(id).String(), "gethostuuid")
		}
	}
}
