package agent

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/platform"
)

// InterfaceFact is what an event says of an interface.
type InterfaceFact struct {
	Name      string   `json:"name"`
	Index     int      `json:"index"`
	Short     string   `json:"inf,omitempty"` // its name in the records, when it is metered
	Kind      string   `json:"kind"`
	MAC       string   `json:"mac,omitempty"`
	MTU       int      `json:"mtu"`
	Up        bool     `json:"up"`
	Running   bool     `json:"running"`
	Addresses []string `json:"addresses,omitempty"` // with the lengths of their networks, the first maxFactList of them
	Master    string   `json:"master,omitempty"`    // the bridge, bond or VRF that it is a port of
	Parent    string   `json:"parent,omitempty"`    // the interface below it
}

// ProcessFact is what an event says of a process that listens.
type ProcessFact struct {
	PID     int       `json:"pid,omitempty"` // none: not known
	Name    string    `json:"name,omitempty"`
	Program string    `json:"program,omitempty"`
	User    string    `json:"user"`
	Started time.Time `json:"started,omitzero"`
	Listens []string  `json:"listens"`        // TCP addresses and ports, the first maxFactList of them
	More    int       `json:"more,omitempty"` // others
}

// interfaceFacts returns what there is to tell of the interfaces; short are the names in the records of those that are metered, by index.
func interfaceFacts(all []platform.Interface, short map[int]string) []fact {
	names := make(map[int]string, len(all))
	for i := range all {
		names[all[i].Index] = clip(all[i].Name, longName)
	}
	list := make([]fact, 0, len(all))
	for i := range all {
		in := &all[i]
		v := &InterfaceFact{
			Name: names[in.Index], Index: in.Index, Short: short[in.Index], Kind: clip(in.Kind, longName), MTU: in.MTU,
			Up: in.Up, Running: in.Running, Master: names[in.Master], Parent: names[in.Parent],
		}
		if in.Kind != "loopback" { // whose address is all zero
			v.MAC = in.MAC.String()
		}
		for _, a := range in.Addrs {
			v.Addresses = append(v.Addresses, a.String())
		}
		slices.Sort(v.Addresses)
		v.Addresses = v.Addresses[:min(len(v.Addresses), maxFactList)]
		list = append(list, newFact(kindInterface+" "+strconv.Itoa(in.Index)+" "+in.Name, v, Event{Kind: kindInterface, Text: v.text(), Interface: v}))
	}
	return list
}

func newFact(key string, body any, e Event) fact {
	b, _ := json.Marshal(body) // of plain fields
	return fact{key: key, body: b, tell: e}
}

func (v *InterfaceFact) text() string {
	words := []string{v.Name + " (" + v.Kind + ")"}
	if v.MAC != "" {
		words = append(words, v.MAC)
	}
	state := "down"
	if v.Up && v.Running {
		state = "up"
	} else if v.Up {
		state = "up, no carrier"
	}
	words = append(words, "mtu "+strconv.Itoa(v.MTU), state)
	return strings.Join(append(words, v.Addresses...), ", ")
}

// processFacts returns what there is to tell of the processes that hold sockets; those without a known one are told by their user.
func processFacts(sockets []platform.Listener, owners map[uint64]platform.Process) (list []fact) {
	byKey := make(map[string]*ProcessFact)
	var order []string
	names := make(map[uint32]string)
	for _, s := range sockets {
		p := owners[s.Inode]
		key := fmt.Sprintf("%s %d %d", kindListener, p.PID, s.UID)
		if p.PID != 0 {
			key = fmt.Sprintf("%s %d %s", kindListener, p.PID, p.Name)
		}
		v := byKey[key]
		if v == nil {
			v = &ProcessFact{PID: p.PID, Name: clip(p.Name, longName), Program: clip(p.Program, longName), User: userName(s.UID, names), Started: p.Started.UTC()}
			byKey[key], order = v, append(order, key)
		}
		if at := s.Addr.String(); slices.Contains(v.Listens, at) { // SO_REUSEPORT
		} else if len(v.Listens) < maxFactList {
			v.Listens = append(v.Listens, at)
		} else {
			v.More++
		}
	}
	for _, key := range order {
		v := byKey[key]
		same := *v
		same.Started = time.Time{} // it moves with the clock
		list = append(list, newFact(key, same, Event{Kind: kindListener, Text: v.text(), Process: v}))
	}
	return list
}

// userName returns the name of a user that the system's files know, else the number.
func userName(uid uint32, known map[uint32]string) string {
	if name, ok := known[uid]; ok {
		return name
	}
	known[uid] = clip(lookUpUser(strconv.FormatUint(uint64(uid), 10)), longName)
	return known[uid]
}

func (v *ProcessFact) text() string {
	who := "a process of " + v.User
	if v.PID != 0 {
		who = fmt.Sprintf("%s (pid %d, %s)", v.Name, v.PID, v.User)
	}
	text := who + " listens on " + strings.Join(v.Listens, ", ")
	if v.More > 0 {
		text += fmt.Sprintf(" and %d others", v.More)
	}
	return text
}
