package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"
)

var errBom = errors.New("damaged bill of materials")

// bomEntry is what a Bom knows of a path.
type bomEntry struct {
	path     string
	mode     fs.FileMode
	uid, gid uint32
	size     uint32
	checksum uint32 // of a file
	link     string
	time     time.Time
}

// bomReader reads the blocks of a Bom of one leaf.
type bomReader struct {
	all   []byte
	index []byte // offset and length of each block
}

// readBom returns what a Bom of writeBom says, by the depth of the paths.
func readBom(all []byte) ([]bomEntry, error) {
	if len(all) < bomHeader || string(all[:len(bomMagic)]) != bomMagic || binary.BigEndian.Uint32(all[8:]) != 1 {
		return nil, fmt.Errorf("%w: not a BOMStore of version 1", errBom)
	}
	r := &bomReader{all: all}
	index, ok := r.span(all[16:])
	names, ok2 := r.span(all[24:])
	if !ok || !ok2 || len(index) < 4 || len(names) < 4 {
		return nil, fmt.Errorf("%w: no list of blocks", errBom)
	}
	count := uint64(binary.BigEndian.Uint32(index))
	if r.index = index[4:]; count*8 > uint64(len(r.index)) {
		return nil, fmt.Errorf("%w: %d blocks in a list of %d octets", errBom, count, len(index))
	}
	r.index = r.index[:count*8]
	tree, ok := r.block(named(names[4:], "Paths"))
	if !ok || len(tree) < 21 || string(tree[:4]) != "tree" {
		return nil, fmt.Errorf("%w: no paths", errBom)
	}
	node, ok := r.block(binary.BigEndian.Uint32(tree[8:]))
	if !ok || len(node) < 12 || binary.BigEndian.Uint16(node) != 1 {
		return nil, fmt.Errorf("%w: no leaf of paths", errBom)
	}
	return r.leaf(node)
}

// span is the part of the file that an offset and a length tell.
func (r *bomReader) span(b []byte) ([]byte, bool) {
	at, n := uint64(binary.BigEndian.Uint32(b)), uint64(binary.BigEndian.Uint32(b[4:]))
	if at+n > uint64(len(r.all)) {
		return nil, false
	}
	return r.all[at:][:n], true
}

func (r *bomReader) block(number uint32) ([]byte, bool) {
	if number == 0 || uint64(number)*8 >= uint64(len(r.index)) {
		return nil, false
	}
	return r.span(r.index[number*8:])
}

// named returns the number of the block of that name, 0 if there is none.
func named(names []byte, name string) uint32 {
	for len(names) >= 5 {
		n := int(names[4])
		if len(names) < 5+n {
			return 0
		}
		if string(names[5:5+n]) == name {
			return binary.BigEndian.Uint32(names)
		}
		names = names[5+n:]
	}
	return 0
}

// leaf reads the paths of a leaf; a folder stands before what is in it.
func (r *bomReader) leaf(node []byte) ([]bomEntry, error) {
	count := int(binary.BigEndian.Uint16(node[2:]))
	if node = node[12:]; count > maxEntries || count*8 > len(node) {
		return nil, fmt.Errorf("%w: %d paths", errBom, count)
	}
	paths := map[uint32]string{}
	var all []bomEntry
	for i := range count {
		about, ok := r.block(binary.BigEndian.Uint32(node[8*i:]))
		key, ok2 := r.block(binary.BigEndian.Uint32(node[8*i+4:]))
		if !ok || !ok2 || len(about) < 8 || len(key) < 6 || len(key) > 5+maxName || bytes.IndexByte(key[4:], 0) != len(key)-5 || bytes.IndexByte(key[4:], '/') >= 0 {
			return nil, fmt.Errorf("%w: path %d", errBom, i)
		}
		dir, known := paths[binary.BigEndian.Uint32(key)]
		if !known && i > 0 {
			return nil, fmt.Errorf("%w: path %d is in no folder", errBom, i)
		}
		info, ok := r.block(binary.BigEndian.Uint32(about[4:]))
		e, err := parseInfo(info)
		if !ok || err != nil {
			return nil, fmt.Errorf("%w: path %d: %w", errBom, i, err)
		}
		if e.path = path.Join(dir, string(key[4:len(key)-1])); i == 0 {
			e.path = "/"
		}
		paths[binary.BigEndian.Uint32(about)] = e.path
		all = append(all, e)
	}
	return all, nil
}

// parseInfo reads what is known of a path.
func parseInfo(b []byte) (e bomEntry, err error) {
	const common = 23
	if len(b) < common+8 {
		return e, errors.New("too short")
	}
	mode, ok := fileMode(uint32(binary.BigEndian.Uint16(b[4:])))
	if !ok {
		return e, errors.New("neither file, folder nor link")
	}
	u32 := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	e = bomEntry{mode: mode, uid: u32(6), gid: u32(10), time: time.Unix(int64(u32(14)), 0).UTC(), size: u32(18)}
	kinds := map[fs.FileMode]byte{0: bomTypeFile, fs.ModeDir: bomTypeDir, fs.ModeSymlink: bomTypeSymlink}
	switch {
	case b[0] != kinds[mode.Type()]:
		return e, fmt.Errorf("type %d of mode %s", b[0], mode)
	case mode.IsRegular():
		e.checksum = u32(common)
	case mode.Type() == fs.ModeSymlink:
		n := uint64(u32(common + 4))
		if n == 0 || n > uint64(len(b)-common-8) {
			return e, errors.New("a link without an end")
		}
		e.checksum, e.link = u32(common), string(b[common+8:][:n-1])
	}
	return e, nil
}

// agree compares a Bom with the files of the payload.
func agree(bom []bomEntry, files []File) error {
	if len(bom) != len(files) {
		return fmt.Errorf("%w: it has %d paths, the payload %d", errBom, len(bom), len(files))
	}
	byPath := map[string]*File{}
	for i := range files {
		byPath[files[i].Path] = &files[i]
	}
	for _, e := range bom {
		f := byPath[e.path]
		if f == nil {
			return fmt.Errorf("%w: %s is not in the payload", errBom, e.path)
		}
		uid, gid, err := f.owner()
		if err != nil {
			return err
		}
		want := bomEntry{path: f.Path, mode: f.Mode, uid: uid, gid: gid, size: uint32(f.size()), link: f.Link, time: e.time}
		switch f.Mode.Type() {
		case 0:
			want.checksum = cksum(f.Data)
		case fs.ModeSymlink:
			want.checksum = cksum([]byte(f.Link))
		}
		if e != want {
			return fmt.Errorf("%w: %s is %+v in it and %+v in the payload", errBom, e.path, e, want)
		}
	}
	return nil
}
