package collector

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/receive"
	"github.com/gofrs/uuid/v5"
	"github.com/nats-io/nats.go"
)

// What every receiver of a cluster answers.
const (
	subjectSeen      = "argus.seen"      // when each monitor was here: messages of pieces of seenSize octets
	subjectAddresses = "argus.addresses" // under which addresses agents reach it: JSON
)

// seen is an authority that remembers when each monitor was last here with a certificate that is good, whether what it sent
// was taken or not.
type seen struct {
	receive.Authority
	mu   sync.Mutex
	last map[uuid.UUID]time.Time
}

// Verify returns whose the certificates are.
func (s *seen) Verify(peer []*x509.Certificate) (uuid.UUID, error) {
	monitor, err := s.Authority.Verify(peer)
	if err == nil {
		s.mu.Lock()
		s.last[monitor] = time.Now()
		s.mu.Unlock()
	}
	return monitor, err
}

// seenSize octets are a monitor and the second when it was last seen, since 1970 with the highest octet first.
const seenSize = 16 + 8

// messages returns what is known, in pieces that fit into a message.
func (s *seen) messages() (list [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b []byte
	for id, at := range s.last {
		b = binary.BigEndian.AppendUint64(append(b, id[:]...), uint64(at.Unix()))
		if len(b) >= marksMessage*seenSize {
			list, b = append(list, b), nil
		}
	}
	return append(list, b)
}

// parseSeen adds what a message says to last.
func parseSeen(b []byte, last map[uuid.UUID]time.Time) error {
	if len(b)%seenSize != 0 {
		return fmt.Errorf("an answer of %d octets is not whole", len(b))
	}
	for ; len(b) > 0; b = b[seenSize:] {
		at := time.Unix(int64(binary.BigEndian.Uint64(b[16:])), 0)
		if id := uuid.UUID(b[:16]); at.After(last[id]) {
			last[id] = at
		}
	}
	return nil
}

// Seen asks the running receivers when each monitor last came with a good certificate, whether what it sent was taken or not: since
// they were started. ErrNotRunning: there is none.
func Seen(ctx context.Context, p *Place) (map[uuid.UUID]time.Time, error) {
	last := map[uuid.UUID]time.Time{}
	if p.Clustered() {
		return last, p.askAll(ctx, subjectSeen, func(b []byte) error { return parseSeen(b, last) })
	}
	b, err := askBody(ctx, p.State, pathSeen, maxSeen)
	if err != nil {
		return nil, err
	}
	return last, parseSeen(b, last)
}

// Addresses returns the addresses under which the running receivers are reached by agents. ErrNotRunning: there is none.
func Addresses(ctx context.Context, p *Place) (all []string, err error) {
	if !p.Clustered() {
		s, err := ReadStatus(ctx, p)
		if err != nil {
			return nil, err
		}
		return s.Advertise, nil
	}
	err = p.askAll(ctx, subjectAddresses, func(b []byte) error {
		var some []string
		err := json.Unmarshal(b, &some)
		all = append(all, some...)
		return err
	})
	slices.Sort(all)
	return slices.Compact(all), err
}

// The waits of askAll: for the first answer, and for another one after the last.
const firstAnswer, nextAnswer = 2 * time.Second, 500 * time.Millisecond

// askAll asks everybody who listens on a subject, and gives the answers to each until no more come.
func (p *Place) askAll(ctx context.Context, subject string, each func([]byte) error) error {
	nc, err := p.Nats.Connect(ctx, "argus-collector command")
	if err != nil {
		return err
	}
	defer nc.Close()
	inbox := nc.NewRespInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err == nil {
		err = nc.PublishRequest(subject, inbox, nil)
	}
	if err != nil {
		return fmt.Errorf("ask the receivers: %w", err)
	}
	for wait := firstAnswer; ; wait = nextAnswer {
		limited, cancel := context.WithTimeout(ctx, wait)
		msg, err := sub.NextMsgWithContext(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && wait == nextAnswer:
			return nil
		case errors.Is(err, nats.ErrNoResponders) || errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("%w: no receiver answers in the cluster", ErrNotRunning)
		case err != nil:
			return fmt.Errorf("ask the receivers: %w", err)
		}
		if err := each(msg.Data); err != nil {
			return fmt.Errorf("ask the receivers: %w", err)
		}
	}
}
