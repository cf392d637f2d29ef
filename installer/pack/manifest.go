package pack

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Manifest is what a package holds.
type Manifest struct {
	Identifier string            // "org.argus-endpoint.agent": two packages of one identifier are two versions of one thing
	Version    string            // digits and dots first
	Title      string            // what an installer's window says; empty: Identifier
	Time       time.Time         // of all files and headers, to the second
	Files      []File            // folders above them that are not named are made: root's, mode 0755
	Scripts    map[string][]byte // what runs before and after, by its name, and the files beside it
}

// File is what a package installs at one path.
type File struct {
	Path        string      // absolute and clean
	Mode        fs.FileMode // with fs.ModeDir or fs.ModeSymlink for what is no regular file
	User, Group string      // empty: root and its group
	Data        []byte      // of a regular file
	Link        string      // of a symbolic link
}

// Bounds on what is read and written: a package of ours has some thirty files and 20 MB.
const (
	maxEntries = 500 // the paths of one leaf of a Bom
	maxContent = 128 << 20
	maxFiles   = maxContent / 2 // octets of files of a pkg: the rest is for what is around them
	maxName    = 255            // NAME_MAX of macOS
	maxPath    = 1023           // PATH_MAX
)

// tree returns the files by path with all folders above them, the root first.
func (m *Manifest) tree() ([]File, error) {
	byPath := map[string]File{}
	total := 0
	for _, f := range m.Files {
		if err := f.check(); err != nil {
			return nil, err
		}
		if _, twice := byPath[f.Path]; twice {
			return nil, fmt.Errorf("%s is in the package twice", f.Path)
		}
		byPath[f.Path] = f
		total += f.size()
	}
	if total > maxFiles {
		return nil, fmt.Errorf("%d octets of files: a package has at most %d MB", total, maxFiles>>20)
	}
	for _, f := range m.Files {
		for dir := path.Dir(f.Path); ; dir = path.Dir(dir) {
			above, ok := byPath[dir]
			if ok && !above.Mode.IsDir() {
				return nil, fmt.Errorf("%s is below %s, which is no folder", f.Path, dir)
			}
			if !ok {
				byPath[dir] = File{Path: dir, Mode: fs.ModeDir | 0o755}
			}
			if dir == "/" {
				break
			}
		}
	}
	if len(byPath) > maxEntries {
		return nil, fmt.Errorf("%d paths: a package has at most %d", len(byPath), maxEntries)
	}
	all := make([]File, 0, len(byPath))
	for _, f := range byPath {
		all = append(all, f)
	}
	// Above what is in it, and by the names of the folders: "/a/b" before "/a-b".
	slices.SortFunc(all, func(a, b File) int {
		return slices.Compare(strings.Split(strings.TrimSuffix(a.Path, "/"), "/"), strings.Split(strings.TrimSuffix(b.Path, "/"), "/"))
	})
	return all, nil
}

func (f *File) check() error {
	kind := f.Mode.Type()
	switch {
	case !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || !utf8.ValidString(f.Path) || strings.ContainsFunc(f.Path, unicode.IsControl):
		return fmt.Errorf("%.80q is no clean absolute path of printable UTF-8", f.Path)
	case len(f.Path) > maxPath || slices.ContainsFunc(strings.Split(f.Path, "/"), func(name string) bool { return len(name) > maxName }):
		return fmt.Errorf("%.80q… is longer than macOS knows paths", f.Path)
	case kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink:
		return fmt.Errorf("%s: a package holds files, folders and symbolic links, not %s", f.Path, kind)
	case f.Mode != kind|f.Mode.Perm():
		return fmt.Errorf("%s: mode %s is of more than permissions", f.Path, f.Mode)
	case f.Path == "/" && kind != fs.ModeDir:
		return fmt.Errorf("the root is a folder, not %s", f.Mode)
	case (kind == fs.ModeSymlink) != (f.Link != "") || kind != 0 && len(f.Data) > 0:
		return fmt.Errorf("%s: a regular file has data, a symbolic link a target", f.Path)
	}
	return nil
}

// size is of what the file holds.
func (f *File) size() int { return max(len(f.Data), len(f.Link)) }

func (m *Manifest) title() string { return cmp.Or(m.Title, m.Identifier) }

// The owners that macOS knows by number on every machine.
var (
	macUsers  = map[string]uint32{"": 0, "root": 0, "daemon": 1}
	macGroups = map[string]uint32{"": 0, "wheel": 0, "daemon": 1, "sys": 3, "staff": 20, "admin": 80}
)

// owner returns the numbers of the file's owner on macOS.
func (f *File) owner() (uid, gid uint32, err error) {
	uid, known := macUsers[f.User]
	gid, knownGroup := macGroups[f.Group]
	if !known || !knownGroup {
		return 0, 0, fmt.Errorf("%s: not every Mac has an owner %s:%s", f.Path, f.User, f.Group)
	}
	return uid, gid, nil
}

func nameOf(ids map[string]uint32, id uint32) (string, bool) {
	for name, n := range ids {
		if n == id && name != "" {
			return name, true
		}
	}
	return "", false
}
