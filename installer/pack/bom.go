package pack

import (
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"math/bits"
	"path"
	"slices"
	"strings"
	"time"
)

// A Bom is the bill of materials that macOS keeps of an installed package, a "BOMStore": numbered blocks, some of which have names, and
// trees in them. Apple does not document it; these are the public descriptions of what mkbom writes. All numbers are big-endian.
const (
	bomMagic  = "BOMStore"
	bomHeader = 512 // of which 32 are used
	bomNode   = 4096
	bomFree   = 2 // empty places in the list of free blocks

	bomTypeFile    = 1
	bomTypeDir     = 2
	bomTypeSymlink = 3
	bomFlags       = 0x000f // more than the path is known; no Mach-O file is described by its architectures
)

// bomTrees are the trees of a Bom that are empty here, with the size of their nodes: hard links, paths by expression, files above 4 GiB.
var bomTrees = []struct {
	name string
	node int
}{{"HLIndex", bomNode}, {"VIndex", 128}, {"Size64", 128}}

// bomWriter collects the blocks; their numbers begin with 1.
type bomWriter struct {
	blocks [][]byte
	names  []byte // the named ones
	named  uint32
}

func (w *bomWriter) add(b []byte) uint32 {
	w.blocks = append(w.blocks, b)
	return uint32(len(w.blocks))
}

func (w *bomWriter) name(name string, block uint32) {
	w.names = append(binary.BigEndian.AppendUint32(w.names, block), byte(len(name)))
	w.names = append(w.names, name...)
	w.named++
}

// writeBom describes the files, which are a tree's.
func writeBom(files []File, at time.Time) ([]byte, error) {
	w := new(bomWriter)
	total := 0
	for _, f := range files {
		total += f.size()
	}
	w.name("BomInfo", w.add(words(1, uint32(len(files)), 1, 0, 0, uint32(total), 0)))
	root, err := w.paths(files, at)
	if err != nil {
		return nil, err
	}
	w.name("Paths", w.tree(root, bomNode, len(files)))
	for _, t := range bomTrees {
		tree := w.tree(w.add(leaf(t.node, nil)), t.node, 0)
		if t.name == "VIndex" {
			tree = w.add(append(words(1, tree, 0), 0))
		}
		w.name(t.name, tree)
	}
	return w.file(), nil
}

// tree adds the head of a tree and returns its block.
func (w *bomWriter) tree(root uint32, node, entries int) uint32 {
	return w.add(append(append([]byte("tree"), words(1, root, uint32(node), uint32(entries))...), 0))
}

// paths adds what is known of every path, and the leaf that lists them by the number of their folder and their name.
func (w *bomWriter) paths(files []File, at time.Time) (uint32, error) {
	depth := func(f File) int { return strings.Count(strings.TrimSuffix(f.Path, "/"), "/") }
	files = slices.Clone(files) // each level after the one above it: then the numbers of the folders are in order too
	slices.SortStableFunc(files, func(a, b File) int { return depth(a) - depth(b) })
	numbers := map[string]uint32{}
	var entries [][2]uint32
	for i, f := range files {
		info, err := bomInfo(&f, at)
		if err != nil {
			return 0, err
		}
		parent, name := numbers[path.Dir(f.Path)], path.Base(f.Path)
		if f.Path == "/" {
			name = "."
		}
		numbers[f.Path] = uint32(i + 1)
		about := w.add(words(uint32(i+1), w.add(info)))
		key := append(append(words(parent), name...), 0)
		entries = append(entries, [2]uint32{about, w.add(key)})
	}
	return w.add(leaf(bomNode, entries)), nil
}

// leaf is a node of a tree with pairs of value and key.
func leaf(size int, entries [][2]uint32) []byte {
	b := binary.BigEndian.AppendUint16(nil, 1)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(entries))), make([]byte, 8)...) // no other leaf before or after it
	for _, e := range entries {
		b = append(b, words(e[0], e[1])...)
	}
	return append(b, make([]byte, max(0, size-len(b)))...)
}

// bomInfo is what is known of a path.
func bomInfo(f *File, at time.Time) ([]byte, error) {
	uid, gid, err := f.owner()
	if err != nil {
		return nil, err
	}
	kind := byte(bomTypeFile)
	switch f.Mode.Type() {
	case fs.ModeDir:
		kind = bomTypeDir
	case fs.ModeSymlink:
		kind = bomTypeSymlink
	}
	b := binary.BigEndian.AppendUint16([]byte{kind, 1}, bomFlags)
	b = binary.BigEndian.AppendUint16(b, uint16(posixMode(f.Mode)))
	b = append(b, words(uid, gid, uint32(at.Unix()), uint32(f.size()))...)
	b = append(b, 1)
	switch kind {
	case bomTypeFile:
		b = append(b, words(cksum(f.Data))...)
	case bomTypeSymlink:
		b = append(b, words(cksum([]byte(f.Link)), uint32(len(f.Link)+1))...)
		b = append(append(b, f.Link...), 0)
	}
	return append(b, make([]byte, 8)...), nil
}

// file lays the blocks out: header, blocks, their places, their names.
func (w *bomWriter) file() []byte {
	out := make([]byte, bomHeader)
	index := words(uint32(len(w.blocks)+1), 0, 0) // number 0 is nothing
	for _, b := range w.blocks {
		index = append(index, words(uint32(len(out)), uint32(len(b)))...)
		out = append(out, b...)
	}
	index = append(index, make([]byte, 4+8*bomFree)...)
	names := append(words(w.named), w.names...)
	copy(out, bomMagic)
	copy(out[len(bomMagic):], words(1, uint32(len(w.blocks)), uint32(len(out)), uint32(len(index)), uint32(len(out)+len(index)), uint32(len(names))))
	return append(append(out, index...), names...)
}

func words(v ...uint32) (b []byte) {
	for _, v := range v {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// cksum is the checksum of POSIX's cksum utility: a CRC-32 whose bits go from the left, over the data and then its length.
func cksum(data []byte) uint32 {
	var length []byte
	for n := len(data); n > 0; n >>= 8 {
		length = append(length, byte(n))
	}
	// The table of IEEE's CRC-32 goes from the right: each octet and the result are turned round.
	crc := uint32(0xffffffff)
	turned := make([]byte, 0, 32<<10)
	for _, part := range [][]byte{data, length} {
		for piece := range slices.Chunk(part, cap(turned)) {
			turned = turned[:0]
			for _, b := range piece {
				turned = append(turned, bits.Reverse8(b))
			}
			crc = crc32.Update(crc, crc32.IEEETable, turned)
		}
	}
	return ^bits.Reverse32(^crc)
}
