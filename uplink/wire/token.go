package wire

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"strconv"
	"strings"
)

// TokenPrefix begins every token; the digit is the version of what follows.
const TokenPrefix = "argus1."

const (
	maxTokenCollectors = 16
	maxAddress         = 255
	maxToken           = len(TokenPrefix) + (2+32+32+1+maxTokenCollectors*(1+maxAddress)+4)*4/3 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Secret is the 256-bit part of a token that proves the right to enrol. The collector keeps only its Hash.
type Secret [32]byte

// NewSecret returns a random secret.
func NewSecret() (s Secret) {
	rand.Read(s[:]) // never fails since Go 1.24
	return s
}

// Hash is what a collector stores of a secret. With 256 random bits a plain SHA-256 needs no salt.
func (s Secret) Hash() [sha256.Size]byte { return sha256.Sum256(s[:]) }

// String returns the form of EnrollRequest.Secret: base64url without padding.
func (s Secret) String() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// ParseSecret reads what String wrote.
func ParseSecret(text string) (s Secret, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(s) {
		return s, errors.New("secret is not 43 characters of base64url")
	}
	return Secret(b), nil
}

// Token is all that an agent needs to enrol.
type Token struct {
	Collectors []string          // host:port, 1 to 16, tried in this order
	CA         [sha256.Size]byte // SHA-256 of the CA certificate's DER
	Secret     Secret
}

// String returns "argus1." and, in base64url without padding: the length of all that follows (2 octets, big endian), CA, Secret,
// the number of collectors (1), each with its length (1), and CRC-32C of all before it (4).
// It returns "" for a token that Parse would refuse.
func (t Token) String() string {
	if t.check() != nil {
		return ""
	}
	b := append([]byte{0, 0}, t.CA[:]...)
	b = append(b, t.Secret[:]...)
	b = append(b, byte(len(t.Collectors)))
	for _, c := range t.Collectors {
		b = append(append(b, byte(len(c))), c...)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)+4-2))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return TokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// ParseToken reads what String wrote, white space around it and line breaks within allowed. The error tells a token that was cut off or mistyped
// from something that never was one; whether a collector takes it, only the collector knows. It never repeats the text.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	body, ok := strings.CutPrefix(text, TokenPrefix)
	if !ok {
		return Token{}, fmt.Errorf("this is not an enrolment token: one begins with %q (make one with: argus-collector token create)", TokenPrefix)
	}
	if len(text) > maxToken {
		return Token{}, fmt.Errorf("enrolment token has %d characters, more than any real one: paste only the token", len(text))
	}
	// What is left of a token that was cut off is decoded as far as it goes, to say so.
	whole := body[:len(body)-len(body)%4]
	b, err := base64.RawURLEncoding.DecodeString(whole)
	if err == nil {
		b, err = base64.RawURLEncoding.Strict().DecodeString(body)
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return Token{}, errors.New("enrolment token is cut off: paste all of it, it is one line")
		}
	}
	if err != nil {
		return Token{}, errors.New("enrolment token is damaged: it has characters that do not belong there; copy it again")
	}
	if n := 2 + int(binary.BigEndian.Uint16(b)); len(b) > n {
		return Token{}, errors.New("enrolment token is damaged: something follows it; copy it again")
	}
	return decodeToken(b)
}

// decodeToken reads a body whose length field is right.
func decodeToken(b []byte) (t Token, err error) {
	damaged := errors.New("enrolment token is damaged: its checksum is wrong; copy it again")
	n := len(b) - 4
	if n < 2+32+32+1 || crc32.Checksum(b[:n], castagnoli) != binary.BigEndian.Uint32(b[n:]) {
		return t, damaged
	}
	copy(t.CA[:], b[2:])
	copy(t.Secret[:], b[34:])
	count, rest := int(b[66]), b[67:n]
	for range count {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return Token{}, damaged
		}
		t.Collectors = append(t.Collectors, string(rest[1:1+rest[0]]))
		rest = rest[1+rest[0]:]
	}
	if len(rest) != 0 {
		return Token{}, damaged
	}
	if err := t.check(); err != nil {
		return Token{}, fmt.Errorf("enrolment token: %w", err)
	}
	return t, nil
}

func (t Token) check() error {
	if n := len(t.Collectors); n < 1 || n > maxTokenCollectors {
		return fmt.Errorf("%d collectors, want 1 to %d", n, maxTokenCollectors)
	}
	for _, c := range t.Collectors {
		if err := CheckAddress(c); err != nil {
			return err
		}
	}
	return nil
}

// CheckAddress tells what is wrong with a collector's address, which is host:port with a decimal port and at most 255 octets.
func CheckAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("collector address %.60q is not host:port", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || len(address) > maxAddress || host == "" || strings.ContainsAny(host, "/@?#\\ \t\r\n") {
		return fmt.Errorf("collector address %.60q needs a host name or address and a port from 1 to 65535", address)
	}
	return nil
}
