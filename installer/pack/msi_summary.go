package pack

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Properties of the summary information ([MS-OLEPS]; Windows Installer, "Summary Information Stream Property Set").
const (
	summaryCode    = 9 // the package code: of one very content
	summaryCreated = 12
	summarySaved   = 13

	typeString = 30
	typeTime   = 64

	codeSize = len("{3F0A1F0E-6E55-4C5B-9B0F-6C5C2E6D1A01}")
)

// summary returns the summary information and where in it the value of a property lies, of that type and at least that size.
func (c *compound) summary(id, kind uint32, size int) (s stream, off int, err error) {
	damaged := fmt.Errorf("%w: property %d of its summary", errCompound, id)
	s, err = c.find("\x05SummaryInformation")
	if err != nil {
		return nil, 0, err
	}
	b := s.bytes()
	if len(b) < 48 {
		return nil, 0, damaged
	}
	section := binary.LittleEndian.Uint32(b[44:])
	if int64(section)+8 > int64(len(b)) {
		return nil, 0, damaged
	}
	count := binary.LittleEndian.Uint32(b[section+4:])
	for list := b[section+8:]; count > 0 && len(list) >= 8; count, list = count-1, list[8:] {
		if binary.LittleEndian.Uint32(list) != id {
			continue
		}
		at := int64(section) + int64(binary.LittleEndian.Uint32(list[4:]))
		if at+4+int64(size) > int64(len(b)) || binary.LittleEndian.Uint32(b[at:]) != kind {
			return nil, 0, damaged
		}
		return s, int(at) + 4, nil
	}
	return nil, 0, damaged
}

func (c *compound) setSummaryTime(id uint32, t time.Time) error {
	s, off, err := c.summary(id, typeTime, 8)
	if err != nil {
		return err
	}
	const epoch = 11644473600 // seconds from 1601, where FILETIME begins, to 1970
	return s.overwrite(off, binary.LittleEndian.AppendUint64(nil, uint64(t.Unix()+epoch)*1e7))
}

// packageCode returns the code and a function that replaces it.
func (c *compound) packageCode() (code string, set func(string) error, err error) {
	s, off, err := c.summary(summaryCode, typeString, 4+codeSize+1)
	if err != nil {
		return "", nil, err
	}
	b := s.bytes()[off:]
	if n := binary.LittleEndian.Uint32(b); int64(n) != int64(codeSize+1) {
		return "", nil, fmt.Errorf("%w: its package code has %d characters", errCompound, n)
	}
	return string(b[4:][:codeSize]), func(code string) error { return s.overwrite(off+4, []byte(code)) }, nil
}
