package installer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// The SID that Windows gives the service TrustedInstaller, which stands in every access list of its own files.
func TestServiceSID(t *testing.T) {
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	if got := serviceSID("TrustedInstaller"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFolderIsClosed(t *testing.T) {
	sd, err := windows.SecurityDescriptorFromString("O:BA" + folderAccess())
	if err != nil {
		t.Fatal(err)
	}
	if !isClosed(sd) {
		t.Errorf("%s is not known again", sd)
	}
	for _, open := range []string{
		"D:AI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + serviceSID(name) + ")", // inherits more from above
		folderAccess() + "(A;OICI;0x1200a9;;;BU)",
		"D:PAI(A;OICI;FA;;;WD)",
		administratorsAccess, // while it is looked through
	} {
		sd, err := windows.SecurityDescriptorFromString(open)
		if err != nil {
			t.Fatal(err)
		}
		if isClosed(sd) {
			t.Errorf("%s counts as closed", open)
		}
	}
}

func TestSecureFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	for i, created := range []bool{true, false, false} {
		got, err := secureFolder(dir)
		if err != nil || got != created {
			t.Fatalf("%d: created %v, %v", i, got, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "token"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(filepath.Dir(dir), "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if created, err := secureFolder(filepath.Join(filepath.Dir(dir), "empty")); !created || err != nil {
		t.Errorf("an empty one is not made anew: %v %v", created, err)
	}
	file := filepath.Join(dir, "token")
	if _, err := secureFolder(file); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a file in its place: %v", err)
	}
}

// What somebody else owns is refused, with what to do.
func TestForeignOwner(t *testing.T) {
	everybody, err := windows.StringToSid("S-1-5-11")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "argus-endpoint.conf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkInside(dir, []*windows.SID{everybody}); err == nil || !strings.Contains(err.Error(), "argus-endpoint.conf belongs to") {
		t.Errorf("%v", err)
	}
	trusted, err := trustedOwners()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkInside(dir, trusted); err != nil {
		t.Error(err)
	}
}

// A folder that was refused for what is in it is refused again: the first refusal has not made it one of ours.
func TestFolderStaysRefused(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "system.ini")
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(elsewhere, filepath.Join(dir, "argus-endpoint.log")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := secureFolder(dir); err == nil || !strings.Contains(err.Error(), "argus-endpoint.log is a link") {
			t.Errorf("%v", err)
		}
	}
	if err := os.Remove(elsewhere); err != nil {
		t.Fatal(err)
	}
	if _, err := secureFolder(dir); err != nil {
		t.Error(err)
	}
}
