package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// requestTimeout bounds one request: what was on its way when a server died is never answered.
const requestTimeout = 5 * time.Second

// ErrNoServer means that no server of the cluster can be reached now.
var ErrNoServer = errors.New("no NATS server can be reached")

// told says it in the words of an operator when a request failed because there was no connection.
func told(err error) error {
	if errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("%w: %w", ErrNoServer, err)
	}
	return err
}

// KV keeps small values by name in the cluster: what all receivers, writers and commands share. A revision is 0 for "not
// there", and a Put with another revision than the present one is fs.ErrExist. Every answer is the leader's: what one
// process has put all others get from then on.
type KV struct {
	conn    *nats.Conn
	subject string // of all keys
	kv      jetstream.KeyValue
	stream  jetstream.Stream
}

// OpenKV opens a bucket; create makes it when there is none, which else is fs.ErrNotExist.
func OpenKV(ctx context.Context, nc *nats.Conn, bucket string, create bool) (*KV, error) {
	k := &KV{conn: nc, subject: "$KV." + bucket + "."}
	name := "KV_" + bucket
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("shared state: %w", err)
	}
	if create {
		k.stream, err = openStream(ctx, js, jetstream.StreamConfig{
			Name: name, Description: "small state of argus-collector", Subjects: []string{k.subject + ">"},
			Storage: jetstream.FileStorage, MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true,
			MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1,
			AllowDirect: false, // a replica may be behind: a revocation must not be
		})
	} else {
		k.stream, err = lookUp(ctx, js, name)
	}
	if err == nil {
		k.kv, err = insist(ctx, func(ctx context.Context) (jetstream.KeyValue, error) { return js.KeyValue(ctx, bucket) })
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("shared state: no collector has used this cluster yet: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("shared state: %w", err)
	}
	return k, nil
}

// keys maps names to keys and back: a slash divides names, a dot divides keys.
var keys = strings.NewReplacer("/", ".", ".", "/")

// Get returns a value and its revision. fs.ErrNotExist: there is none.
func (k *KV) Get(name string) (value []byte, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	e, err := k.kv.Get(ctx, keys.Replace(name))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, fmt.Errorf("shared state %s: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("shared state %s: %w", name, told(err))
	}
	return e.Value(), e.Revision(), nil
}

// Put replaces the value that has this revision (0: there is none yet) and returns the new revision. fs.ErrExist: there is
// another one by now. After any other error the value may be there or not: Get tells.
func (k *KV) Put(name string, value []byte, revision uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	next, err := k.kv.Update(ctx, keys.Replace(name), value, revision)
	if apiErr, ok := errors.AsType[*jetstream.APIError](err); ok && (apiErr.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		apiErr.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return 0, fmt.Errorf("shared state %s: %w: %w", name, fs.ErrExist, err)
	}
	if err != nil {
		return 0, fmt.Errorf("shared state %s: %w", name, told(err))
	}
	return next, nil
}

// Remove removes a value, which need not be there.
func (k *KV) Remove(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if err := k.stream.Purge(ctx, jetstream.WithPurgeSubject(k.subject+keys.Replace(name))); err != nil {
		return fmt.Errorf("shared state %s: %w", name, err)
	}
	return nil
}

// List returns the names that begin with prefix, which ends with a slash, in no order.
func (k *KV) List(prefix string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*requestTimeout)
	defer cancel()
	info, err := k.stream.Info(ctx, jetstream.WithSubjectFilter(k.subject+keys.Replace(prefix)+">"))
	if err != nil {
		return nil, fmt.Errorf("shared state %s: %w", prefix, err)
	}
	var names []string
	for subject := range info.State.Subjects {
		names = append(names, keys.Replace(strings.TrimPrefix(subject, k.subject)))
	}
	return names, nil
}

// Close ends the connection.
func (k *KV) Close() error {
	k.conn.Close()
	return nil
}

// wantReplicas of every stream are kept in a cluster.
const wantReplicas = 3

// A cluster may lose a request or its answer, for as long as it elects and where two ask for the same stream at the same time: what
// is not answered in answeredIn is asked again.
const answeredIn = 3 * time.Second

// insist asks until there is an answer or ctx ends.
func insist[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	for {
		limited, cancel := context.WithTimeout(ctx, answeredIn)
		answer, err := ask(limited)
		cancel()
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return answer, err
		}
	}
}

// lookUp finds a stream.
func lookUp(ctx context.Context, js jetstream.JetStream, name string) (jetstream.Stream, error) {
	return insist(ctx, func(ctx context.Context) (jetstream.Stream, error) { return js.Stream(ctx, name) })
}

// openStream makes a stream or brings its size to that of c, with three replicas in a cluster and one on a server of its own.
func openStream(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) (jetstream.Stream, error) {
	return insist(ctx, func(ctx context.Context) (jetstream.Stream, error) { return tryStream(ctx, js, c) })
}

func tryStream(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) (jetstream.Stream, error) {
	const notClustered, noPeers, insufficient = 10074, 10005, 10023
	stream, err := js.Stream(ctx, c.Name)
	change := js.CreateStream
	switch {
	case err == nil && stream.CachedInfo().Config.MaxBytes == c.MaxBytes && stream.CachedInfo().Config.Replicas == wantReplicas:
		return stream, nil
	case err == nil:
		change = js.UpdateStream
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, err
	}
	c.Replicas = wantReplicas
	stream, err = change(ctx, c)
	apiErr, ok := errors.AsType[*jetstream.APIError](err)
	switch {
	case ok && apiErr.ErrorCode == notClustered:
		c.Replicas = 1
		return change(ctx, c)
	case ok && (apiErr.ErrorCode == noPeers || apiErr.ErrorCode == insufficient):
		return nil, fmt.Errorf("%w; a cluster needs three servers that are up and have room", err)
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse): // another receiver was first, and it has room for other numbers
		return nil, context.DeadlineExceeded
	}
	return stream, err
}
