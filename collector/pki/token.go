package pki

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// TokenInfo is what is kept of a token: everything but the secret.
type TokenInfo struct {
	ID      string    `json:"id"` // hexadecimal SHA-256 of the secret
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Uses    int       `json:"uses"` // 0: as often as wanted
	Used    int       `json:"used"`
	Revoked bool      `json:"revoked,omitempty"`
	Last    string    `json:"last,omitempty"` // fingerprint of the key that used it last: asking again after a lost answer is no other use
	Labels
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
func (a *Authority) CreateToken(addresses []string, life time.Duration, uses int, labels Labels) (wire.Token, TokenInfo, error) {
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
		ID: hex.EncodeToString(hash[:]), Uses: uses, Labels: Labels{clean(labels.Site), clean(labels.Group), clean(labels.Label)},
		Created: a.now().UTC().Truncate(time.Second), Expires: a.now().Add(life).UTC().Truncate(time.Second),
	}
	if err := store(a.state, tokenName(info.ID), info, 0); err != nil {
		return wire.Token{}, TokenInfo{}, fmt.Errorf("token: %w", err)
	}
	return token, info, nil
}

const tokensPrefix = "tokens/"

func tokenName(id string) string { return tokensPrefix + id }

// Tokens returns all tokens, the oldest first.
func (a *Authority) Tokens() ([]TokenInfo, error) {
	var list []TokenInfo
	err := each(a.state, tokensPrefix, func(t *TokenInfo) { list = append(list, *t) })
	slices.SortFunc(list, func(x, y TokenInfo) int { return x.Created.Compare(y.Created) })
	return list, err
}

// RevokeToken ends the token whose ID begins with prefix, which must be the only one.
func (a *Authority) RevokeToken(prefix string) (TokenInfo, error) {
	names, err := a.state.List(tokensPrefix)
	if err != nil {
		return TokenInfo{}, err
	}
	found := slices.DeleteFunc(names, func(name string) bool {
		return prefix == "" || !strings.HasPrefix(name, tokenName(strings.ToLower(prefix)))
	})
	if len(found) != 1 {
		return TokenInfo{}, fmt.Errorf("%d tokens have an ID that begins with %q: give more of it, or see the list", len(found), prefix)
	}
	return update(a.state, found[0], func(t *TokenInfo, exists bool) error {
		if !exists {
			return fs.ErrNotExist
		}
		t.Revoked = true
		return nil
	})
}

// goodToken returns the token with this secret, when the key may use it now.
func (a *Authority) goodToken(secret, key string) (info TokenInfo, err error) {
	s, err := wire.ParseSecret(secret)
	if err != nil {
		return info, refuse(StatusForbidden, "token secret: %v", err)
	}
	hash := s.Hash()
	info, _, err = load[TokenInfo](a.state, tokenName(hex.EncodeToString(hash[:])))
	if errors.Is(err, fs.ErrNotExist) {
		return info, refuse(StatusForbidden, "this collector did not make that token")
	}
	if err == nil {
		err = info.allow(key, a.now())
	}
	return info, err
}

// allow refuses a use of the token by a key, unless the token is good or that key has used it last.
func (t *TokenInfo) allow(key string, now time.Time) error {
	state := t.State(now)
	if state == "good" || state == "used" && t.Last == key {
		return nil
	}
	return refuse(StatusForbidden, "token %.8s is %s: ask the operator for a new one", t.ID, state)
}

// useToken counts a use by a key, before the certificate goes out: a crash costs a use, not a guard.
func (a *Authority) useToken(id, key string) (TokenInfo, error) {
	a.use.Lock()
	defer a.use.Unlock()
	info, err := update(a.state, tokenName(id), func(t *TokenInfo, _ bool) error {
		if err := t.allow(key, a.now()); err != nil {
			return err
		}
		if t.Last == key {
			return errSame
		}
		t.Used++
		t.Last = key
		return nil
	})
	if errors.Is(err, errSame) {
		err = nil
	}
	return info, err
}
