package installer

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// serviceSID returns the SID of NT SERVICE\name: S-1-5-80 and the SHA-1 of the name in upper case and UTF-16, as five numbers.
func serviceSID(name string) string {
	var text []byte
	for _, u := range utf16.Encode([]rune(strings.ToUpper(name))) {
		text = binary.LittleEndian.AppendUint16(text, u)
	}
	sum := sha1.Sum(text)
	sid := "S-1-5-80"
	for part := sum[:]; len(part) > 0; part = part[4:] {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(part))
	}
	return sid
}

// folderAccess is who may do what in the folder of state and configuration, in the words of the security descriptor definition
// language: SYSTEM, Administrators and the service everything, nobody else anything; files and folders in it inherit that, and it
// inherits nothing from ProgramData, where every user may write.
func folderAccess() string {
	return "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + serviceSID(name) + ")"
}

// secureFolder makes the folder, or takes the one that is there and gives it its access. A user may have made it, or put something
// in it, before us: then it is refused.
func secureFolder(dir string) (created bool, err error) {
	sd, err := windows.SecurityDescriptorFromString(folderAccess())
	if err != nil {
		return false, fmt.Errorf("access to %s: %w", dir, err)
	}
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return false, err
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	err = windows.CreateDirectory(path, &attributes)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return false, fmt.Errorf("create the folder %s: %w", dir, err)
	}
	return false, adoptFolder(dir, sd)
}

// adoptFolder takes a folder that is there: first its access is closed, then what is in it is looked at. What is in one that was
// closed before only those have put there who may.
func adoptFolder(dir string, sd *windows.SECURITY_DESCRIPTOR) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() { // links and junctions are none
		return fmt.Errorf("%s is not a folder of its own but a link or a file: remove it and try again", dir)
	}
	trusted, err := trustedOwners()
	if err != nil {
		return err
	}
	now, err := checkOwner(dir, trusted)
	if err != nil || isClosed(now) {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
	if err != nil {
		return fmt.Errorf("close %s to other users: %w", dir, err)
	}
	return checkInside(dir, trusted)
}

// isClosed tells whether the access of a folder is what secureFolder gives it.
func isClosed(sd *windows.SECURITY_DESCRIPTOR) bool {
	control, _, err := sd.Control()
	_, now, _ := strings.Cut(sd.String(), "D:")
	_, now, _ = strings.Cut(now, "(")
	_, want, _ := strings.Cut(folderAccess(), "(")
	return err == nil && control&windows.SE_DACL_PROTECTED != 0 && now == want
}

// checkInside looks at all that is in a folder.
func checkInside(dir string, trusted []*windows.SID) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := f.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, d := range list {
		path := filepath.Join(dir, d.Name())
		if d.Type()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
			return fmt.Errorf("%s is a link: remove it and try again", path)
		}
		if d.Type()&fs.ModeSocket != 0 { // which cannot be opened, and is made anew
			continue
		}
		if _, err := checkOwner(path, trusted); err != nil {
			return err
		}
		if !d.IsDir() {
			continue
		}
		if err := checkInside(path, trusted); err != nil {
			return err
		}
	}
	return nil
}

// trustedOwners are SYSTEM, Administrators, the service, and who runs this, who may do everything anyway.
func trustedOwners() (list []*windows.SID, err error) {
	for _, text := range []string{"S-1-5-18", "S-1-5-32-544", serviceSID(name)} {
		sid, err := windows.StringToSid(text)
		if err != nil {
			return nil, fmt.Errorf("the SID %s: %w", text, err)
		}
		list = append(list, sid)
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("who runs this: %w", err)
	}
	return append(list, user.User.Sid), nil
}

// checkOwner returns who owns the file or folder and who may do what with it, or an error when the owner is not trusted.
func checkOwner(path string, trusted []*windows.SID) (*windows.SECURITY_DESCRIPTOR, error) {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return nil, fmt.Errorf("the owner of %s: %w", path, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return nil, fmt.Errorf("the owner of %s: %w", path, err)
	}
	for _, sid := range trusted {
		if owner.Equals(sid) {
			return sd, nil
		}
	}
	account, domain, _, err := owner.LookupAccount("")
	if err != nil {
		account, domain = owner.String(), "SID"
	}
	return nil, fmt.Errorf("%s belongs to %s\\%s, who is no administrator, and could have been put there to be trusted: look at it, remove it and try again",
		path, domain, account)
}
