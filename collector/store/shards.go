package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// shardsObject holds the number of shards of a bucket, in decimal.
const shardsObject = "shards"

// CheckShards fails with ErrShards when the bucket was written with another number of shards: watermarks are with the shard of
// their monitor, and what an agent sends again after a change of the number would be there twice. The first one to ask decides.
func CheckShards(ctx context.Context, b Bucket, shards int) error {
	there, err := readShards(ctx, b)
	if errors.Is(err, fs.ErrNotExist) {
		var first int
		if first, err = firstShards(ctx, b, shards); err == nil {
			text := strconv.Itoa(first)
			err = b.Put(ctx, shardsObject, int64(len(text)), strings.NewReader(text))
		}
		if err == nil || errors.Is(err, fs.ErrExist) { // another writer may have been there
			there, err = readShards(ctx, b)
		}
	}
	if err != nil {
		return fmt.Errorf("store: number of shards: %w", err)
	}
	if there != shards {
		return fmt.Errorf("%w: the store has %d, the journal %d streams: give --streams %d to a new cluster, or another --store", ErrShards, there, shards, there)
	}
	return nil
}

// ErrShards tells that a bucket has another number of shards.
var ErrShards = errors.New("the number of shards of a store does not change")

func readShards(ctx context.Context, b Bucket) (int, error) {
	text, err := get(ctx, b, shardsObject, 20)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("the object %s holds %.20q", shardsObject, text)
	}
	return n, nil
}

// firstShards returns the number of shards of a bucket that does not say it: as many as have commits, one of the first version's,
// else what is wanted.
func firstShards(ctx context.Context, b Bucket, want int) (n int, err error) {
	names, err := b.List(ctx, commitsDir+"/")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if shard, err := strconv.Atoi(strings.Split(name, "/")[1]); err == nil {
			n = max(n, shard+1)
		}
	}
	if n > 0 {
		return n, nil
	}
	o, err := b.Open(ctx, firstManifest)
	switch {
	case err == nil:
		return 1, o.Close()
	case errors.Is(err, fs.ErrNotExist):
		return want, nil
	}
	return 0, err
}
