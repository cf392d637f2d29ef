//go:build linux

package tpm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"
)

// emulate runs a TPM 2.0 (swtpm) whose state is a folder, until the returned function ends it, and returns its socket.
func emulate(t *testing.T, state string) (socket string, stop func()) {
	t.Helper()
	program, err := exec.LookPath("swtpm")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("swtpm is missing: apt-get install swtpm")
	default:
		t.Skip("swtpm is not installed")
	}
	dir, err := os.MkdirTemp("", "tpm-") // a unix socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	var said bytes.Buffer
	cmd := exec.Command(program, "socket", "--tpm2", "--tpmstate", "dir="+state, "--server", "type=unixio,path="+socket,
		"--ctrl", "type=unixio,path="+socket+".ctrl", "--flags", "not-need-init,startup-clear")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(stop)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if c, err := net.Dial("unix", socket); err == nil { // its file is there before it listens
			c.Close()
			return socket, stop
		}
		if time.Now().After(deadline) {
			stop()
			t.Fatalf("swtpm does not come up: %s", &said)
		}
		time.Sleep(5 * time.Millisecond) // for a program's file to appear there is nothing to wait on
	}
}

func signs(t *testing.T, k *Key) error {
	t.Helper()
	digest := sha256.Sum256([]byte("what was said"))
	sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	if !ecdsa.VerifyASN1(k.Public().(*ecdsa.PublicKey), digest[:], sig) {
		t.Fatal("the signature is not of the key")
	}
	return nil
}

// TestKeyStaysInItsTPM: made, signs, signs after a restart of the TPM from what was kept, many times (no slot leaks); another TPM cannot use it.
func TestKeyStaysInItsTPM(t *testing.T) {
	state := t.TempDir()
	socket, stop := emulate(t, state)
	k, err := Create(socket)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := signs(t, k); err != nil {
			t.Fatal(err)
		}
	}
	kept := k.Marshal()
	stop()
	socket, _ = emulate(t, state)
	again, err := Parse(kept, socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := signs(t, again); err != nil || !k.point.Equal(again.Public()) {
		t.Errorf("after a restart: %v", err)
	}
	other, _ := emulate(t, t.TempDir())
	stolen, err := Parse(kept, other)
	if err != nil {
		t.Fatal(err)
	}
	if err := signs(t, stolen); err == nil || !strings.Contains(err.Error(), "not of this machine's TPM") {
		t.Errorf("on another TPM: %v", err)
	}
	if _, err := k.Sign(nil, make([]byte, 48), crypto.SHA384); err == nil {
		t.Error("signed another hash than it may")
	}
}

// TestAnotherLibraryAgrees: what go-tpm reads in our key is a P-256 signing key that cannot leave its TPM, under the storage key.
func TestAnotherLibraryAgrees(t *testing.T) {
	socket, _ := emulate(t, t.TempDir())
	k, err := Create(socket)
	if err != nil {
		t.Fatal(err)
	}
	device, err := linuxudstpm.Open(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	parent, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.BytesAs2B[tpm2.TPMTPublic](public(attributesStorage, algAES, 128, algCFB)[2:])}.Execute(device)
	if err != nil {
		t.Fatal(err)
	}
	pub := tpm2.BytesAs2B[tpm2.TPMTPublic](k.public[2:])
	loaded, err := tpm2.Load{ParentHandle: tpm2.NamedHandle{Handle: parent.ObjectHandle, Name: parent.Name}, InPrivate: tpm2.TPM2BPrivate{Buffer: k.private[2:]}, InPublic: pub}.Execute(device)
	if err != nil {
		t.Fatal(err)
	}
	contents, err := pub.Contents()
	if err != nil {
		t.Fatal(err)
	}
	a := contents.ObjectAttributes
	if contents.Type != tpm2.TPMAlgECC || !a.FixedTPM || !a.FixedParent || !a.SensitiveDataOrigin || !a.SignEncrypt || a.Decrypt || a.Restricted || loaded.Name.Buffer == nil {
		t.Errorf("%+v", contents)
	}
	for _, h := range []tpm2.TPMHandle{loaded.ObjectHandle, parent.ObjectHandle} {
		if _, err := (tpm2.FlushContext{FlushHandle: h}).Execute(device); err != nil {
			t.Error(err)
		}
	}
}

// TestStorageRootIsUsed: with a storage root key provisioned, a password on the owner hierarchy is no obstacle; without, the error says what to do.
func TestOwnerPassword(t *testing.T) {
	for _, provisioned := range []bool{true, false} {
		socket, _ := emulate(t, t.TempDir())
		device, err := linuxudstpm.Open(socket)
		if err != nil {
			t.Fatal(err)
		}
		if provisioned {
			srk, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(device)
			if err != nil {
				t.Fatal(err)
			}
			_, err = tpm2.EvictControl{Auth: tpm2.TPMRHOwner, ObjectHandle: tpm2.NamedHandle{Handle: srk.ObjectHandle, Name: srk.Name}, PersistentHandle: storageRoot}.Execute(device)
			if err != nil {
				t.Fatal(err)
			}
			tpm2.FlushContext{FlushHandle: srk.ObjectHandle}.Execute(device)
		}
		if _, err := (tpm2.HierarchyChangeAuth{AuthHandle: tpm2.TPMRHOwner, NewAuth: tpm2.TPM2BAuth{Buffer: []byte("secret")}}).Execute(device); err != nil {
			t.Fatal(err)
		}
		device.Close()
		k, err := Create(socket)
		if !provisioned {
			if err == nil || !strings.Contains(err.Error(), "password") {
				t.Errorf("owner password, no storage root key: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := signs(t, k); err != nil || k.parent != storageRoot {
			t.Errorf("under %#x: %v", k.parent, err)
		}
	}
}

func TestNoTPM(t *testing.T) {
	if _, err := Create(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "firmware") {
		t.Errorf("no device: %v", err)
	}
	if _, err := Create(t.TempDir()); err == nil {
		t.Error("a folder passes for a TPM")
	}
	for rc, want := range map[uint32]string{rcLockout: "locked out", 0x9a2: "password", 0x98e: "password", 0x185: "firmware", rcBadTag: "1.2", 0x902: "0x902"} {
		if err := responseError(rc); !strings.Contains(err.Error(), want) {
			t.Errorf("%#x: %v", rc, err)
		}
	}
}

// TestHostileTPM: answers that lie give errors.
func TestHostileTPM(t *testing.T) {
	for _, answer := range []string{"", "\x80\x02", "\x80\x02\x00\x00\x00\x0a\x00\x00\x00\x00", "\x80\x02\x00\x00\xff\xff\x00\x00\x00\x00", "\x80\x02\x00\x00\x00\x0e\x00\x00\x00\x00\xff\xff\xff\xff"} {
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				buf := make([]byte, maxResponse)
				for {
					if _, err := c.Read(buf); err != nil {
						break
					}
					c.Write([]byte(answer))
					if len(answer) < 10 || answer[4] == 0xff {
						break
					}
				}
				c.Close()
			}
		}()
		if _, err := Create(socket); err == nil {
			t.Errorf("%q: taken for a key", answer)
		}
		l.Close()
	}
}

func FuzzParse(f *testing.F) {
	x := bytes.Repeat([]byte{1}, 32)
	seed := (&Key{parent: ownerHierarchy, private: builder{}.sized(x), public: builder{}.sized(append(public(attributesSigning, algNull)[2:len(public(attributesSigning, algNull))-4], builder{}.sized(x).sized(x)...))}).Marshal()
	f.Add(seed)
	f.Fuzz(func(t *testing.T, der []byte) {
		k, err := Parse(der, "")
		if err == nil && (k.point == nil || !k.point.Equal(mustParse(t, k.Marshal()).point)) {
			t.Error("does not marshal to what it was")
		}
	})
}

func mustParse(t *testing.T, der []byte) *Key {
	k, err := Parse(der, "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}
