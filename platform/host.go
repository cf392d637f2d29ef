package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/gofrs/uuid/v5"
)

// hostFile is where a state folder remembers the host that it belongs to: "<uuid> <origin>\n".
const hostFile = "host-id"

// originRandom is the origin of an ID that was drawn because the system has no plausible one.
const originRandom = "random"

// Host is the identity under which a sensor's records are kept.
type Host struct {
	ID     uuid.UUID
	Name   string // the system's host name, for people to read; never an identity
	Origin string // where ID is from: "/etc/machine-id", "MachineGuid", "ARGUS_MONITOR_ID", "random", ...

	// Previous is the ID that the state folder was made under, when that is another one: the folder was
	// copied from another host (a cloned image), or the host was given a new ID. What is in the folder
	// belongs to Previous until Adopt is called. It is the nil UUID otherwise.
	Previous uuid.UUID
}

// Identify tells who this host is. The ID is override unless that is nil, else the system's own machine ID, so that the Argus sensor
// on the same host has the same one. A machine ID that cannot be unique (all zero, all one, a known placeholder) is refused
// for a random one, which state keeps. The ID is recorded in state at the first start; with a nil state nothing is kept.
func Identify(override uuid.UUID, state *os.Root) (Host, error) {
	return identify(override, state, systemIDs())
}

func identify(override uuid.UUID, state *os.Root, ids iter.Seq2[string, string]) (h Host, err error) {
	h.Name, _ = os.Hostname()
	var recorded uuid.UUID
	var recordedOrigin string
	if state != nil {
		recorded, recordedOrigin, err = readHost(state)
		if err != nil {
			return h, err
		}
	}
	if h.ID, h.Origin = override, "ARGUS_MONITOR_ID"; override.IsNil() {
		h.ID, h.Origin = machineID(ids)
	}
	if h.ID.IsNil() && recordedOrigin == originRandom {
		h.ID, h.Origin = recorded, originRandom
	}
	if h.ID.IsNil() {
		if h.ID, err = uuid.NewV4(); err != nil {
			return h, fmt.Errorf("draw a random host ID: %w", err)
		}
		h.Origin = originRandom
	}
	switch {
	case state == nil || recorded == h.ID:
	case recorded.IsNil():
		return h, h.Adopt(state)
	default:
		h.Previous = recorded
	}
	return h, nil
}

// Adopt records h as the host that state belongs to, once what was in it of another host has been set aside.
func (h *Host) Adopt(state *os.Root) error {
	line := h.ID.String() + " " + h.Origin + "\n"
	if err := WriteFile(state, hostFile, []byte(line), 0o600); err != nil {
		return fmt.Errorf("record the host ID in the state folder: %w", err)
	}
	h.Previous = uuid.Nil
	return nil
}

func readHost(state *os.Root) (id uuid.UUID, origin string, err error) {
	b, err := state.ReadFile(hostFile)
	if errors.Is(err, fs.ErrNotExist) {
		return uuid.Nil, "", nil
	}
	if err != nil {
		return uuid.Nil, "", fmt.Errorf("read the recorded host ID: %w", err)
	}
	text, origin, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	id, err = uuid.FromString(text)
	if err != nil {
		// A torn or foreign file says nothing about the host: it is written anew.
		return uuid.Nil, "", nil
	}
	return id, origin, nil
}

// machineID returns the system's own ID, the nil UUID if it has none that can be unique.
func machineID(ids iter.Seq2[string, string]) (uuid.UUID, string) {
	for text, origin := range ids {
		if id, err := uuid.FromString(strings.TrimSpace(text)); err == nil && plausible(id) {
			return id, origin
		}
	}
	return uuid.Nil, ""
}

// placeholders are IDs that manufacturers and image builders are known to leave on many machines.
var placeholders = []uuid.UUID{
	uuid.Must(uuid.FromString("03000200-0400-0500-0006-000700080009")), // boards whose maker never set the SMBIOS UUID
	uuid.Must(uuid.FromString("12345678-1234-5678-90ab-cddeefaabbcc")),
	uuid.Must(uuid.FromString("01234567-89ab-cdef-0123-456789abcdef")), // the example of Argus's manual
}

// plausible tells whether id can belong to one machine only. A real one has about fourteen different digits
// of sixteen; one with four or fewer (all zero, all one, 0...01) was typed, not drawn.
func plausible(id uuid.UUID) bool {
	if slices.Contains(placeholders, id) {
		return false
	}
	var digits uint16
	for _, b := range id {
		digits |= 1<<(b>>4) | 1<<(b&15)
	}
	n := 0
	for ; digits != 0; digits &= digits - 1 {
		n++
	}
	return n > 4
}

// WriteFile replaces the file name inside dir by one holding data: after a crash it is the old one or the new one, whole.
func WriteFile(dir *os.Root, name string, data []byte, perm os.FileMode) error {
	tmp := name + ".tmp"
	f, err := dir.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = dir.Rename(tmp, name)
	}
	if err != nil {
		_ = dir.Remove(tmp)
		return err
	}
	syncDir(dir)
	return nil
}

// syncDir makes a rename in dir durable where the system offers that; where it does not, renames are durable by themselves.
func syncDir(dir *os.Root) {
	if d, err := dir.Open("."); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
