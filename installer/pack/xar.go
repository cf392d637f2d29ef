package pack

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"time"
)

// xar is the archive that a flat package is (the xar format, version 1): a header, a table of contents in XML compressed with zlib,
// and the heap, where the table's checksum stands first and then what the files hold. All numbers are big-endian.
const (
	xarMagic     = "xar!"
	xarHeader    = 28
	xarVersion   = 1
	xarSHA1      = 1 // what productbuild writes, and what every reader knows
	xarSHA256    = 3 // in Apple's own xar
	xarDirectory = "directory"
	xarRegular   = "file"

	styleZlib   = "application/x-gzip" // is zlib's form, RFC 1950, whatever the name says
	styleStored = "application/octet-stream"
)

// member is a file in the archive.
type member struct {
	path   string // "Distribution", "argus-endpoint.pkg/Bom"
	data   []byte
	packed bool // compressed already
}

type xarTOC struct {
	XMLName xml.Name `xml:"xar"`
	TOC     struct {
		Created  string      `xml:"creation-time"`
		Checksum xarChecksum `xml:"checksum"`
		Files    []xarFile   `xml:"file"`
	} `xml:"toc"`
}

type xarChecksum struct {
	Style  string `xml:"style,attr"`
	Offset int64  `xml:"offset"`
	Size   int64  `xml:"size"`
}

type xarFile struct {
	ID    int       `xml:"id,attr"`
	Data  *xarData  `xml:"data"`
	CTime string    `xml:"ctime"`
	MTime string    `xml:"mtime"`
	ATime string    `xml:"atime"`
	Group string    `xml:"group"`
	GID   int       `xml:"gid"`
	User  string    `xml:"user"`
	UID   int       `xml:"uid"`
	Mode  string    `xml:"mode"`
	Type  string    `xml:"type"`
	Name  string    `xml:"name"`
	Files []xarFile `xml:"file"`
}

type xarData struct {
	Length    int64    `xml:"length"`
	Offset    int64    `xml:"offset"`
	Size      int64    `xml:"size"`
	Encoding  xarStyle `xml:"encoding"`
	Extracted xarSum   `xml:"extracted-checksum"`
	Archived  xarSum   `xml:"archived-checksum"`
}

type xarStyle struct {
	Style string `xml:"style,attr"`
}

type xarSum struct {
	Style string `xml:"style,attr"`
	Hex   string `xml:",chardata"`
}

// writeXAR writes an archive of the members, with a folder for the first part of a path.
func writeXAR(w io.Writer, members []member, at time.Time) error {
	heap := bytes.NewBuffer(make([]byte, sha1.Size))
	var doc xarTOC
	toc := &doc.TOC
	toc.Created = at.UTC().Format("2006-01-02T15:04:05")
	toc.Checksum = xarChecksum{Style: "sha1", Size: sha1.Size}
	id := 0
	entry := func(name, kind, mode string, data *xarData) xarFile {
		id++
		t := at.UTC().Format(time.RFC3339)
		return xarFile{ID: id, Data: data, CTime: t, MTime: t, ATime: t, Group: "wheel", User: "root", Mode: mode, Type: kind, Name: name}
	}
	for _, m := range members {
		to := &toc.Files
		if dir, _ := path.Split(m.path); dir != "" {
			if n := len(*to); n == 0 || (*to)[n-1].Name+"/" != dir {
				*to = append(*to, entry(path.Dir(m.path), xarDirectory, "0755", nil))
			}
			to = &(*to)[len(*to)-1].Files
		}
		data, err := addToHeap(heap, &m)
		if err != nil {
			return err
		}
		*to = append(*to, entry(path.Base(m.path), xarRegular, "0644", data))
	}
	text, err := xml.MarshalIndent(&doc, "", " ")
	if err != nil {
		return err
	}
	return writeArchive(w, append([]byte(xml.Header), text...), heap.Bytes())
}

// addToHeap appends what m holds and describes it.
func addToHeap(heap *bytes.Buffer, m *member) (*xarData, error) {
	stored, style := m.data, styleStored
	if !m.packed {
		var err error
		if stored, err = deflate(m.data); err != nil {
			return nil, err
		}
		style = styleZlib
	}
	d := &xarData{
		Length: int64(len(stored)), Offset: int64(heap.Len()), Size: int64(len(m.data)), Encoding: xarStyle{style},
		Extracted: sumOf(m.data), Archived: sumOf(stored),
	}
	heap.Write(stored)
	return d, nil
}

// writeArchive writes header, table of contents and heap, whose first octets are the table's checksum.
func writeArchive(w io.Writer, toc, heap []byte) error {
	packed, err := deflate(toc)
	if err != nil {
		return err
	}
	sum := sha1.Sum(packed)
	copy(heap, sum[:])
	h := append(make([]byte, 0, xarHeader), xarMagic...)
	h = binary.BigEndian.AppendUint16(h, xarHeader)
	h = binary.BigEndian.AppendUint16(h, xarVersion)
	h = binary.BigEndian.AppendUint64(h, uint64(len(packed)))
	h = binary.BigEndian.AppendUint64(h, uint64(len(toc)))
	h = binary.BigEndian.AppendUint32(h, xarSHA1)
	for _, part := range [][]byte{h, packed, heap} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("write the package: %w", err)
		}
	}
	return nil
}

func sumOf(b []byte) xarSum {
	sum := sha1.Sum(b)
	return xarSum{"sha1", hex.EncodeToString(sum[:])}
}

func deflate(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}
