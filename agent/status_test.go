package agent

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// What a client reads is what the agent said: a field that another one of the same name hides would be lost.
func TestStatusKeepsItsCounters(t *testing.T) {
	c := Counters{Dropped: 1, Records: 5, Table: flow.Stats{Packets: 3, Bytes: 300, Flows: 2, Records: 6, Open: 1}}
	c.frames[capture.Decoded] = 4
	said := Status{Interfaces: []InterfaceStatus{{Name: "lo", Kind: "loopback", Metered: true, Accounts: accounts(&c)}}, Totals: Totals{Accounts: accounts(&c)}}
	text, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	var read Status
	if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, said) {
		t.Errorf("%v: %+v\nwant %+v", err, read, said)
	}
}
