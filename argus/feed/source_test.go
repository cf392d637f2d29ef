package feed

import (
	"reflect"
	"testing"
)

func TestParseSource(t *testing.T) {
	for text, want := range map[string]Source{
		"localhost":                {Network: "tcp", Address: "localhost:561"},
		"192.168.0.4:12345":        {Network: "tcp", Address: "192.168.0.4:12345"},
		"user@localhost":           {Network: "tcp", Address: "localhost:561"},
		"argus://user:pass@anubis": {Network: "tcp", Address: "anubis:561"},
		"argus-tcp://thoth:12345":  {Network: "tcp", Address: "thoth:12345"},
		"argus-udp://set:12345":    {Network: "udp", Address: "set:12345"},
		"argus-udp://any:561":      {Network: "udp", Address: ":561"},
		"[2001:db8::1]:561":        {Network: "tcp", Address: "[2001:db8::1]:561"},
		"[2001:db8::1]":            {Network: "tcp", Address: "[2001:db8::1]:561"},
		"2001:db8::1":              {Network: "tcp", Address: "[2001:db8::1]:561"},
		"/run/argus/agent.sock":    {Network: "unix", Address: "/run/argus/agent.sock"},
		"./agent.sock":             {Network: "unix", Address: "./agent.sock"},
		"argus-unix:///run/x.sock": {Network: "unix", Address: "/run/x.sock"},
	} {
		if got, err := ParseSource(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	if s, err := ParseSource("argus-tls://soc:5610"); err != nil || s.TLS == nil || s.TLS.ServerName != "soc" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "cisco://any:9996", "sflow://x", "host:", "host:99999", "argus://:561", "host:nosuchservice", "[::1", "http://x", "host:port:x"} {
		if s, err := ParseSource(bad); err == nil {
			t.Errorf("%q is taken as %+v", bad, s)
		}
	}
}

func TestParseListen(t *testing.T) {
	for text, want := range map[string]string{
		"561": "127.0.0.1:561", ":561": "127.0.0.1:561", "*:561": ":561", "0.0.0.0:561": "0.0.0.0:561", "[::]:561": "[::]:561",
		"192.0.2.1": "192.0.2.1:561", "soc:5610": "soc:5610", "::1": "[::1]:561", "/run/x.sock": "/run/x.sock",
	} {
		if _, got, err := ParseListen(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, bad := range []string{"70000", "host:port:x", "x:99999"} {
		if network, a, err := ParseListen(bad); err == nil {
			t.Errorf("%q is taken as %s %s", bad, network, a)
		}
	}
}

func TestParsePush(t *testing.T) {
	for text, want := range map[string]struct {
		address string
		v3      bool
	}{"argus-udp://soc": {"soc:561", false}, "argus-udp://10.0.0.1:15660?version=3": {"10.0.0.1:15660", true}, "argus-udp://[::1]:9": {"[::1]:9", false}} {
		if a, v3, err := ParsePush(text); err != nil || a != want.address || v3 != want.v3 {
			t.Errorf("%q: %q %v %v", text, a, v3, err)
		}
	}
	for _, bad := range []string{"soc:561", "argus-tcp://soc", "argus-udp://soc?version=4", "argus-udp://", "argus-udp://soc/x", "argus-udp://soc:99999"} {
		if a, _, err := ParsePush(bad); err == nil {
			t.Errorf("%q is taken as %q", bad, a)
		}
	}
}
