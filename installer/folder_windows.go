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
	return administratorsAccess + "(A;OICI;FA;;;" + serviceSID(name) + ")"
}

// administratorsAccess is that of SYSTEM and Administrators alone.
const administratorsAccess = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

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
	if info, _ := os.Lstat(dir); err != nil && info != nil && info.IsDir() {
		_ = windows.RemoveDirectory(path) // an empty one: who has it open could still make a link of it
		err = windows.CreateDirectory(path, &attributes)
	}
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return false, fmt.Errorf("create the folder %s: %w", dir, err)
	}
	return false, adoptFolder(dir)
}

// adoptFolder takes a folder that is there: first its access is closed, also to the service, then what is in it is looked at, and
// only when that is good the service is let in. What is in one that has its access before only those have put there who may.
func adoptFolder(dir string) error {
	trusted, err := trustedOwners()
	if err != nil {
		return err
	}
	h, err := openItself(dir, windows.FILE_LIST_DIRECTORY|windows.READ_CONTROL|windows.WRITE_DAC, 0) // which keeps it from being renamed
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	now, info, err := checkOwner(h, dir, trusted)
	switch {
	case err != nil:
		return err
	case info.FileAttributes&(windows.FILE_ATTRIBUTE_DIRECTORY|windows.FILE_ATTRIBUTE_REPARSE_POINT) != windows.FILE_ATTRIBUTE_DIRECTORY:
		return fmt.Errorf("%s is not a folder of its own but a link or a file: remove it and try again", dir)
	case isClosed(now):
		return nil
	}
	if err := setAccess(h, dir, administratorsAccess); err != nil {
		return err
	}
	if err := checkInside(dir, trusted); err != nil {
		return err
	}
	return setAccess(h, dir, folderAccess())
}

// setAccess says who may do what in an open folder, and in all that is in it.
func setAccess(h windows.Handle, dir, access string) error {
	sd, err := windows.SecurityDescriptorFromString(access)
	if err == nil {
		var dacl *windows.ACL
		if dacl, _, err = sd.DACL(); err == nil {
			err = windows.SetSecurityInfo(h, windows.SE_FILE_OBJECT,
				windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
		}
	}
	if err != nil {
		return fmt.Errorf("close %s to other users: %w", dir, err)
	}
	return nil
}

// openItself opens a file or folder with these rights: of a link, the link. Others may go on to read and write it, and by share more.
func openItself(path string, rights, share uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	h, err := windows.CreateFile(name, rights, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|share, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", path, err)
	}
	return h, nil
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
		if err := checkFile(path, trusted); err != nil {
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

// checkFile refuses what is not ours, and a second name of a file elsewhere, which writing to ours would change.
func checkFile(path string, trusted []*windows.SID) error {
	h, err := openItself(path, windows.READ_CONTROL|windows.FILE_READ_ATTRIBUTES, windows.FILE_SHARE_DELETE)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	_, info, err := checkOwner(h, path, trusted)
	if err == nil && info.NumberOfLinks > 1 && info.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY == 0 {
		err = fmt.Errorf("%s is a link: remove it and try again", path)
	}
	return err
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

// checkOwner returns what an open file or folder is and who may do what with it, or an error when its owner is not trusted.
func checkOwner(h windows.Handle, path string, trusted []*windows.SID) (sd *windows.SECURITY_DESCRIPTOR, info windows.ByHandleFileInformation, err error) {
	var owner *windows.SID
	if err = windows.GetFileInformationByHandle(h, &info); err == nil {
		sd, err = windows.GetSecurityInfo(h, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	}
	if err == nil {
		owner, _, err = sd.Owner()
	}
	if err != nil {
		return nil, info, fmt.Errorf("the owner of %s: %w", path, err)
	}
	for _, sid := range trusted {
		if owner.Equals(sid) {
			return sd, info, nil
		}
	}
	account, domain, _, err := owner.LookupAccount("")
	if err != nil {
		account, domain = owner.String(), "SID"
	}
	return nil, info, fmt.Errorf("%s belongs to %s\\%s, who is no administrator, and could have been put there to be trusted: look at it, remove it and try again",
		path, domain, account)
}
