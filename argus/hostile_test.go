package argus

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestHostileDSRs shortens every DSR of the samples to every length, and gives each octet of their headers and of the parts of
// our extension every value: what is left of the record is read, nothing beyond the DSR.
func TestHostileDSRs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.arg")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	tried := 0
	done := make(map[string]bool) // DSRs of one head and length are read alike
	read := func(b []byte) {
		b = append(make([]byte, 0, len(b)), b...) // nothing behind it
		for range Records(b) {
			tried++
		}
	}
	for _, file := range files {
		stream, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range Records(stream) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Kind == KindManagement {
				continue
			}
			eachDSR(r.Raw, func(at, n int) {
				kind := fmt.Sprintf("%v %d %x", r.Version, n, r.Raw[at:at+4])
				if r.Raw[at] != dsrExtension && done[kind] {
					return
				}
				done[kind] = true
				for words := 1; words < n/4; words++ {
					read(cutDSR(r.Raw, at, n, 4*words))
				}
				octets := []int{1, 2, 3}
				if r.Raw[at] == dsrExtension {
					octets = parts(r.Raw[at:][:n])
				}
				for _, i := range octets {
					b := bytes.Clone(r.Raw)
					for v := range 256 {
						b[at+i] = byte(v)
						read(b)
					}
				}
			})
		}
	}
	if tried < 100_000 {
		t.Errorf("%d records tried", tried)
	}
}

// eachDSR gives place and length of every DSR of a record.
func eachDSR(b []byte, do func(at, n int)) {
	for at := 4; at+4 <= len(b); {
		n := int(b[at+3]) * 4
		if b[at] == dsrUserData {
			n = int(be.Uint16(b[at+2:])) * 4
		}
		do(at, n)
		at += n
	}
}

// cutDSR returns the record b whose DSR of n octets is cut to less.
func cutDSR(b []byte, at, n, less int) []byte {
	b = append(bytes.Clone(b[:at+less]), b[at+n:]...)
	if b[at] == dsrUserData {
		be.PutUint16(b[at+2:], uint16(less/4))
	} else {
		b[at+3] = byte(less / 4)
	}
	be.PutUint16(b[2:], uint16(len(b)/4))
	return b
}

// parts returns the places of the first octets of an extension and of the first four of each of its parts.
func parts(b []byte) []int {
	places, at, end := []int{1, 2, 3, 10, 11}, 4*extWords, len(b)
	if isLayout2(b) {
		if at = 4 * ext2Words; len(b) >= 4*(ext2Words+ext2TCPWords) && b[46] != 0 { // TCP flags
			at = 4 * (ext2Words + ext2TCPWords)
		}
	} else if isExtension(b) {
		end -= numbersLen(b)
	}
	for ; at+4 <= end && b[at+1] != 0; at += 4 * int(b[at+1]) {
		places = append(places, at, at+1, at+2, at+3)
	}
	return places
}
