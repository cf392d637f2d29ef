package pack

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

var errPKG = errors.New("not a package of this kind")

// ReadPKG reads what PKG has written, signed or not. Every checksum is checked and the Bom compared with the payload; a signature is not
// looked at. What is damaged, of another kind, or larger than 128 MB is refused with an error.
func ReadPKG(r io.ReaderAt, size int64) (Manifest, error) {
	_, m, err := openPKG(r, size)
	return m, err
}

func openPKG(r io.ReaderAt, size int64) ([]member, Manifest, error) {
	var m Manifest
	members, at, err := readXAR(r, size)
	if err != nil {
		return nil, m, err
	}
	m.Time = at
	parts := map[string][]byte{}
	for _, part := range members {
		dir, name := path.Split(part.path)
		if _, twice := parts[name]; twice || (dir == "") != (name == distribution) {
			return nil, m, fmt.Errorf("%w: it has %s", errPKG, part.path)
		}
		parts[name] = part.data
	}
	if err := m.info(parts[distribution], parts[packageInfo]); err != nil {
		return nil, m, err
	}
	if m.Files, err = archive(parts[payload]); err != nil {
		return nil, m, fmt.Errorf("payload: %w", err)
	}
	if m.Files, err = m.tree(); err != nil {
		return nil, m, fmt.Errorf("%w: payload: %w", errPKG, err)
	}
	entries, err := readBom(parts[bom])
	if err == nil {
		err = agree(entries, m.Files)
	}
	if err != nil {
		return nil, m, err
	}
	if parts[scripts] == nil {
		return members, m, nil
	}
	m.Scripts, err = readScripts(parts[scripts])
	return members, m, err
}

// info reads what the package says of itself.
func (m *Manifest) info(dist, info []byte) error {
	var d struct {
		XMLName xml.Name `xml:"installer-gui-script"`
		Title   string   `xml:"title"`
	}
	var p struct {
		XMLName    xml.Name `xml:"pkg-info"`
		Identifier string   `xml:"identifier,attr"`
		Version    string   `xml:"version,attr"`
	}
	if err := xml.Unmarshal(dist, &d); err != nil {
		return fmt.Errorf("%w: %s: %w", errPKG, distribution, err)
	}
	if err := xml.Unmarshal(info, &p); err != nil {
		return fmt.Errorf("%w: %s: %w", errPKG, packageInfo, err)
	}
	m.Title, m.Identifier, m.Version = d.Title, p.Identifier, p.Version
	return nil
}

func archive(b []byte) ([]File, error) {
	plain, err := gunzip(b, maxContent)
	if err != nil {
		return nil, err
	}
	files, _, err := readCPIO(plain)
	return files, err
}

// readScripts reads the archive of the scripts, files beside each other.
func readScripts(b []byte) (map[string][]byte, error) {
	files, err := archive(b)
	if err != nil {
		return nil, fmt.Errorf("scripts: %w", err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		name := strings.TrimPrefix(f.Path, "/")
		if f.Path == "/" {
			continue
		}
		if !f.Mode.IsRegular() || strings.Contains(name, "/") {
			return nil, fmt.Errorf("%w: %s among the scripts", errPKG, f.Path)
		}
		all[name] = f.Data
	}
	return all, nil
}

// BakePKG returns the package with the token in it, for its script postinstall; one that is there is replaced. All else stays as it is but
// a signature: the package must be signed again.
func BakePKG(pkg []byte, token string) ([]byte, error) {
	if err := checkToken(token); err != nil {
		return nil, err
	}
	members, m, err := openPKG(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(members, func(m member) bool { return path.Base(m.path) == scripts })
	if m.Scripts["postinstall"] == nil || i < 0 {
		return nil, fmt.Errorf("%w: it has no script postinstall that would take the token", errPKG)
	}
	m.Scripts[TokenScript] = []byte(token + "\n")
	if members[i].data, err = m.scripts(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = writeXAR(&out, members, m.Time)
	return out.Bytes(), err
}
