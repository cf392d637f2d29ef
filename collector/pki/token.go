package pki

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// TokenInfo is what is kept of a token: everything but the secret.
type TokenInfo struct {
	ID      string    `json:"id"` // hexadecimal SHA-256 of the secret
	Label   string    `json:"label,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Uses    int       `json:"uses"` // 0: as often as wanted
	Used    int       `json:"used"`
	Revoked bool      `json:"revoked,omitempty"`
}

// State says in one word what a token is worth at a time: good, revoked, expired or used.
func (t TokenInfo) State(now time.Time) string {
	switch {
	case t.Revoked:
		return "revoked"
	case !now.Before(t.Expires):
		return "expired"
	case t.Uses > 0 && t.Used >= t.Uses:
		return "used"
	}
	return "good"
}

// CreateToken makes a token for the collectors at addresses (host:port). It can be read from the result and never again.
// uses 0 lets any number of monitors enrol with it.
func (a *Authority) CreateToken(addresses []string, life time.Duration, uses int, label string) (wire.Token, TokenInfo, error) {
	token := wire.Token{Collectors: addresses, CA: a.Fingerprint(), Secret: wire.NewSecret()}
	if _, err := wire.ParseToken(token.String()); err != nil {
		for _, addr := range addresses {
			if err := wire.CheckAddress(addr); err != nil {
				return wire.Token{}, TokenInfo{}, err
			}
		}
		return wire.Token{}, TokenInfo{}, errors.New("a token needs 1 to 16 collector addresses")
	}
	if life <= 0 || uses < 0 {
		return wire.Token{}, TokenInfo{}, errors.New("a token needs a life above 0, and 0 or more uses")
	}
	hash := token.Secret.Hash()
	info := TokenInfo{
		ID: hex.EncodeToString(hash[:]), Label: label, Uses: uses,
		Created: a.now().UTC().Truncate(time.Second), Expires: a.now().Add(life).UTC().Truncate(time.Second),
	}
	if err := a.writeJSON(tokenFile(info.ID), info); err != nil {
		return wire.Token{}, TokenInfo{}, fmt.Errorf("token: %w", err)
	}
	return token, info, nil
}

// Tokens returns all tokens, in the order of their IDs.
func (a *Authority) Tokens() ([]TokenInfo, error) {
	var list []TokenInfo
	err := a.each("tokens", func(id string) error {
		var info TokenInfo
		err := a.readJSON(tokenFile(id), &info)
		if err == nil {
			list = append(list, info)
		}
		return err
	})
	return list, err
}

// RevokeToken ends the token whose ID begins with prefix, which must be the only one.
func (a *Authority) RevokeToken(prefix string) (TokenInfo, error) {
	end, err := a.begin()
	if err != nil {
		return TokenInfo{}, err
	}
	defer end()
	list, err := a.Tokens()
	if err != nil {
		return TokenInfo{}, err
	}
	var found []TokenInfo
	for _, info := range list {
		if prefix != "" && strings.HasPrefix(info.ID, prefix) {
			found = append(found, info)
		}
	}
	if len(found) != 1 {
		return TokenInfo{}, fmt.Errorf("%d tokens have an ID that begins with %q: give more of it, or see the list", len(found), prefix)
	}
	found[0].Revoked = true
	return found[0], a.writeJSON(tokenFile(found[0].ID), found[0])
}

// goodToken returns the token with this secret, when it may be used now.
func (a *Authority) goodToken(secret string) (info TokenInfo, err error) {
	s, err := wire.ParseSecret(secret)
	if err != nil {
		return info, refuse(StatusForbidden, "token secret: "+err.Error())
	}
	hash := s.Hash()
	err = a.readJSON(tokenFile(hex.EncodeToString(hash[:])), &info)
	if errors.Is(err, fs.ErrNotExist) {
		return info, refuse(StatusForbidden, "this collector did not make that token")
	}
	if err != nil {
		return info, err
	}
	if state := info.State(a.now()); state != "good" {
		return info, refuse(StatusForbidden, fmt.Sprintf("token %.8s is %s: ask the operator for a new one", info.ID, state))
	}
	return info, nil
}

func tokenFile(id string) string { return path.Join("tokens", id+".json") }
