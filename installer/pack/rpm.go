package pack

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/rpmpack"
)

var errRPM = errors.New("this is no rpm package as make packages writes them")

// Tags of an rpm's header (rpm's docs/manual/tags.md) that are read here.
const (
	rpmName, rpmVersion, rpmRelease          = 1000, 1001, 1002
	rpmFileModes, rpmFileTimes, rpmFileFlags = 1030, 1034, 1037
	rpmFileUsers, rpmFileGroups              = 1039, 1040
	rpmFolderOf, rpmBaseNames, rpmFolders    = 1116, 1117, 1118
	rpmPayloadFormat, rpmPayloadCompressor   = 1124, 1125
)

// rpmOwn are the tags that are made anew with other files: what is said of the header itself, of each file, of the payload.
var rpmOwn = map[int]bool{
	62: true, 63: true, // signatures, immutable
	1009: true, 1028: true, rpmFileModes: true, 1033: true, rpmFileTimes: true, 1035: true, 1036: true, rpmFileFlags: true, // sizes, devices, digests, links
	rpmFileUsers: true, rpmFileGroups: true, 1045: true, 1095: true, 1096: true, 1097: true, 5011: true, // what is verified, devices, inodes, languages, digest
	rpmFolderOf: true, rpmBaseNames: true, rpmFolders: true,
	rpmPayloadFormat: true, rpmPayloadCompressor: true, 1126: true, 5092: true, 5093: true, 5097: true, // flags, digests
}

// BakeRPM returns the rpm package with the token in it, as a file that was written at the time at; one that is there is replaced. Names,
// dependencies and scripts stay. A signature is gone: the package must be signed again.
func BakeRPM(rpm []byte, token string, at time.Time) ([]byte, error) {
	if err := checkToken(token); err != nil {
		return nil, err
	}
	h, payload, err := openRPM(rpm)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRPM, err)
	}
	files, err := h.files(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: its files: %w", errRPM, err)
	}
	if h.text(rpmName) != "argus-endpoint" {
		return nil, fmt.Errorf("%w: it is not of argus-endpoint", errRPM)
	}
	out, err := rpmpack.NewRPM(rpmpack.RPMMetaData{Name: h.text(rpmName), Version: h.text(rpmVersion), Release: h.text(rpmRelease), Compressor: "gzip:6", Epoch: rpmpack.NoEpoch})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		out.AddFile(f)
	}
	out.AddFile(rpmpack.RPMFile{Name: path.Dir(GivenToken), Mode: posixDir | 0o755, Owner: "root", Group: "root", MTime: uint32(at.Unix())})
	out.AddFile(rpmpack.RPMFile{Name: GivenToken, Body: []byte(token + "\n"), Mode: 0o600, Owner: "root", Group: "root", MTime: uint32(at.Unix())})
	for tag, e := range h {
		if !rpmOwn[tag] {
			out.AddCustomTag(tag, e.packed())
		}
	}
	var b bytes.Buffer
	err = out.Write(&b)
	return b.Bytes(), err
}

const (
	posixType = 0o170000
	posixDir  = 0o040000
	posixLink = 0o120000
	posixFile = 0o100000
)

// files returns the files of a package, with what the payload has of them.
func (h rpmHeader) files(payload []byte) ([]rpmpack.RPMFile, error) {
	content, err := readNewc(payload)
	if err != nil {
		return nil, err
	}
	names, folders, folderOf := h.texts(rpmBaseNames), h.texts(rpmFolders), h.numbers(rpmFolderOf)
	modes, times, flags := h.numbers(rpmFileModes), h.numbers(rpmFileTimes), h.numbers(rpmFileFlags)
	users, groups := h.texts(rpmFileUsers), h.texts(rpmFileGroups)
	n := len(names)
	if n == 0 || n > maxEntries || len(folderOf) != n || len(modes) != n || len(times) != n || len(flags) != n || len(users) != n || len(groups) != n {
		return nil, errors.New("the lists of them differ in length")
	}
	list := make([]rpmpack.RPMFile, n)
	for i := range n {
		if int(folderOf[i]) >= len(folders) {
			return nil, fmt.Errorf("%s is in a folder that is not there", names[i])
		}
		name := path.Join(folders[folderOf[i]], names[i])
		body, ok := content[path.Join("/", name)]
		if kind := modes[i] & posixType; !ok && kind != posixDir && flags[i]&uint32(rpmpack.GhostFile) == 0 || kind != posixDir && kind != posixFile && kind != posixLink {
			return nil, fmt.Errorf("%s is not in the payload, or is no file", name)
		}
		list[i] = rpmpack.RPMFile{Name: name, Body: body, Mode: uint(modes[i]), Owner: users[i], Group: groups[i], MTime: times[i], Type: rpmpack.FileType(flags[i])}
	}
	return list, nil
}

const newcHeader = 110 // "070701" and 13 numbers of eight hexadecimal digits (cpio(5), new ASCII format)

// readNewc returns the contents of a cpio archive by absolute paths.
func readNewc(b []byte) (map[string][]byte, error) {
	content := map[string][]byte{}
	take := func(n uint64) []byte { // and what pads it to four octets
		part := b[:n]
		b = b[min((n+3)&^3, uint64(len(b))):]
		return part
	}
	for len(content) <= maxEntries {
		if len(b) < newcHeader || string(b[:6]) != "070701" {
			return nil, errors.New("the payload is no cpio archive")
		}
		size, err := strconv.ParseUint(string(b[54:62]), 16, 32)
		length, errLength := strconv.ParseUint(string(b[94:102]), 16, 32)
		if err = errors.Join(err, errLength); err != nil || newcHeader+length > uint64(len(b)) {
			return nil, errors.New("the payload is cut off")
		}
		name := strings.TrimRight(string(take(newcHeader + length)[newcHeader:]), "\x00")
		if name == "TRAILER!!!" {
			return content, nil
		}
		if size > uint64(len(b)) {
			return nil, errors.New("the payload is cut off")
		}
		content[path.Join("/", name)] = take(size)
	}
	return nil, errors.New("too many files")
}
