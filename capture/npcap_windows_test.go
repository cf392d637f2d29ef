package capture

import (
	"errors"
	"net"
	"testing"
	"time"
)

// TestNpcapStops: on a silent interface a wait is interrupted at once, and Close, from another goroutine, ends it.
func TestNpcapStops(t *testing.T) {
	if err := loadNpcap(); err != nil {
		t.Skip("needs Npcap: ", err)
	}
	src := openAny(t)
	var f Frame
	wait := func(want error) {
		t.Helper()
		began := time.Now()
		for {
			_, err := src.Next(&f, time.Minute)
			if err == nil {
				continue // somebody's frame
			}
			if took := time.Since(began); !errors.Is(err, want) || took > 2*time.Second {
				t.Errorf("%v after %v, want %v at once", err, took, want)
			}
			return
		}
	}
	go src.Interrupt()
	wait(ErrTimeout)
	closed := make(chan error)
	go func() {
		began := time.Now()
		err := src.Close()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
		closed <- err
	}()
	wait(net.ErrClosed)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if st, err := src.Stats(); err != nil || st.Method != "npcap" {
		t.Errorf("%+v, %v", st, err)
	}
	if again := openAny(t); again.Close() != nil {
		t.Error("it does not open again")
	}
}

// openAny opens an interface that Npcap knows.
func openAny(t *testing.T) Source {
	t.Helper()
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range list {
		if in.Flags&net.FlagUp == 0 || in.Flags&net.FlagLoopback != 0 {
			continue
		}
		src, err := Open(in.Name, in.Index, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	t.Fatal("no interface is up")
	return nil
}
