package pack

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	bakedProperty = "BAKEDTOKEN"
	tokenRoom     = 5632 // characters: more than the longest token
)

// noToken is the value of BAKEDTOKEN that a package is made with: as long as any that takes its place.
var noToken = strings.Repeat("-", tokenRoom)

// BakeMSI returns a copy of an MSI, as Build made it or BakeMSI, that enrols with the token when it is installed without the
// property TOKEN. Its package code is another one, as a package of another content must have. A signature would no longer be
// true: a signed package is refused, and what comes back is to be signed.
func BakeMSI(msi []byte, token string) ([]byte, error) {
	if err := checkToken(token); err != nil {
		return nil, err
	}
	msi = append([]byte(nil), msi...)
	c, err := openCompound(msi)
	if err != nil {
		return nil, err
	}
	if signature, err := c.find("\x05DigitalSignature"); err != nil || signature != nil {
		return nil, errors.Join(err, errors.New("this MSI is signed, which another token would break: take the unsigned one, and sign what comes of it"))
	}
	s, off, err := c.propertyText(bakedProperty, tokenRoom)
	if err != nil {
		return nil, err
	}
	if err := s.overwrite(off, fmt.Appendf(nil, "%-*s", tokenRoom, token)); err != nil {
		return nil, err
	}
	_, set, err := c.packageCode()
	if err != nil {
		return nil, err
	}
	if err := set("{00000000-0000-0000-0000-000000000000}"); err != nil { // of the content without its own code
		return nil, err
	}
	return msi, set(braced(codeOf(fmt.Sprintf("baked %x", sha256.Sum256(msi)))))
}

func checkToken(token string) error {
	strange := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("._-", r)
	}
	if !strings.HasPrefix(token, "argus") || strings.ContainsFunc(token, strange) || len(token) > tokenRoom {
		return errors.New("this is no enrolment token: make one with argus-collector token create, and copy all of it")
	}
	return nil
}

// table returns the stream of a table: its name is packed two characters into one.
func (c *compound) table(name string) (stream, error) {
	s, err := c.find(tableName(name))
	if err == nil && s == nil {
		err = fmt.Errorf("%w: it has no table %s", errCompound, name)
	}
	return s, err
}

func tableName(name string) string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
	packed := []rune{0x4840} // of tables
	for ; len(name) >= 2; name = name[2:] {
		packed = append(packed, 0x3800+rune(strings.IndexByte(letters, name[0])+strings.IndexByte(letters, name[1])<<6))
	}
	if name != "" {
		packed = append(packed, 0x4800+rune(strings.IndexByte(letters, name[0])))
	}
	return string(packed)
}

// propertyText returns the stream that holds the value of a property of the table Property, and where. The value must be of that
// size and nothing else's.
func (c *compound) propertyText(property string, size int) (stream, int, error) {
	properties, err1 := c.table("Property")
	pool, err2 := c.table("_StringPool")
	data, err3 := c.table("_StringData")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, 0, err
	}
	texts := stringPool{pool.bytes(), data.bytes()}
	width := texts.width()
	rows := properties.bytes() // all names, then all values
	column := len(rows) / 2
	name := texts.find(property)
	for at := 0; name > 0 && at+width <= column; at += width {
		if number(rows[at:][:width]) != name {
			continue
		}
		value, ok := texts.lookUp(number(rows[column+at:][:width]))
		if !ok || len(value.text) != size || value.uses != 1 {
			break
		}
		return data, value.off, nil
	}
	return nil, 0, errors.New("this MSI has no room for a token: take one of argus-endpoint that make packages made")
}

// number reads a little-endian number of two or three octets.
func number(b []byte) (n int) {
	for i, octet := range b {
		n |= int(octet) << (8 * i)
	}
	return n
}

// stringPool is every text of a database, by number from 1: of each its length and how often it is used, and their characters in a row.
type stringPool struct{ pool, data []byte }

type pooled struct {
	text []byte
	off  int // in the data
	uses int
}

// width is how many octets a text's number has in a table.
func (p stringPool) width() int {
	if len(p.pool) >= 4 && p.pool[3]&0x80 != 0 {
		return 3
	}
	return 2
}

// find returns the number of a text, 0 of one that is not there.
func (p stringPool) find(text string) int {
	rest := p.data
	for id := 1; 4*id+4 <= len(p.pool); id++ {
		size := int(binary.LittleEndian.Uint16(p.pool[4*id:]))
		if size > len(rest) {
			break
		}
		if string(rest[:size]) == text {
			return id
		}
		rest = rest[size:]
	}
	return 0
}

// lookUp returns a text. Of 64 KiB and more there are none in a package of ours, so that each has one entry.
func (p stringPool) lookUp(id int) (pooled, bool) {
	if id < 1 || 4*id+4 > len(p.pool) {
		return pooled{}, false
	}
	off := 0
	for i := 1; i < id; i++ {
		off += int(binary.LittleEndian.Uint16(p.pool[4*i:]))
	}
	size, uses := int(binary.LittleEndian.Uint16(p.pool[4*id:])), int(binary.LittleEndian.Uint16(p.pool[4*id+2:]))
	if off+size > len(p.data) {
		return pooled{}, false
	}
	return pooled{p.data[off:][:size], off, uses}, true
}
