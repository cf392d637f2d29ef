package main

import (
	"net"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/agent"
)

// An enrolled agent remembers its collector: doctor asks it, and says how the delivery stands.
func TestDoctorKnowsTheCollectorOfTheRunningAgent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // nobody answers there now
	var out strings.Builder
	d := &doctor{out: &out, config: &agent.Config{State: t.TempDir()}}
	s := &agent.Status{Uplink: agent.UplinkStatus{State: "up", Collector: address, Records: 7}}
	d.collector(t.Context(), s)
	d.agent(s, nil)
	s.Uplink = agent.UplinkStatus{State: "rejected", Collector: address, Reason: "revoked"}
	d.agent(s, nil)
	for _, want := range []string{"WRONG collector       " + address, "ok    delivery        to " + address + ", 7 records sent", "WRONG delivery        rejected revoked"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
