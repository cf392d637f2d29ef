//go:build linux

// Command writer puts a spool or a store under load until it is killed, and says on its standard output what it claims:
//
//	m NANOSECONDS EPOCH FIRST COUNT   the spool took records
//	s EPOCH LAST                      records up to LAST are leased: a collector may have them
//	c EPOCH LAST                      the spool is about to be told that records up to LAST are durable
//	d EPOCH LAST                      the store says that records up to LAST are durable
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: writer spool|store FOLDER")
		os.Exit(2)
	}
	run := fillSpool
	if os.Args[1] == "store" {
		run = fillStore
	}
	if err := run(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stdout, format+"\n", args...) }

// fillSpool appends in bursts and in trickles, and leases and commits with a lag, as the uplink does. A record is 32 octets: its sequence, its
// identity (that of the n-th record ever), noise.
func fillSpool(dir string) error {
	s, err := spool.Open(dir, spool.Options{SegmentBytes: 64 << 10, MaxBytes: 8 << 20, MinFree: 1 << 20, Host: "powercut"})
	if err != nil {
		return err
	}
	go s.Run(context.Background())
	go deliver(s)
	tick := time.NewTicker(5 * time.Millisecond)
	id := uint64(1)
	for now := range tick.C {
		count := 1 + rand.IntN(4)
		if now.Unix()%4 == 0 { // a second of load in four: a sync for every 64 KiB
			count = 50 + rand.IntN(100)
		}
		var first uint64
		err := s.Append(make([]byte, count*32), count, func(b []byte, from uint64) {
			first = from
			for i := range uint64(count) {
				binary.BigEndian.PutUint64(b[i*32:], from+i)
				binary.BigEndian.PutUint64(b[i*32+8:], id+i)
				binary.BigEndian.PutUint64(b[i*32+16:], rand.Uint64())
			}
		})
		if err != nil {
			return err
		}
		id += uint64(count)
		say("m %d %x %d %d", time.Now().UnixNano(), s.Epoch(), first, count)
	}
	return nil
}

func deliver(s *spool.Spool) {
	var sent []spool.Batch
	due := time.NewTicker(20 * time.Millisecond) // a batch is also due when nothing new is on disk
	for {
		select {
		case <-s.Wait():
		case <-due.C:
		}
		for {
			b, ok := s.Lease(64<<10, 200)
			if !ok {
				break
			}
			say("s %x %d", b.Epoch, b.Last)
			if sent = append(sent, b); len(sent) > 10+rand.IntN(10) {
				b = sent[rand.IntN(5)]
				say("c %x %d", b.Epoch, b.Last)
				s.Commit(b.Epoch, b.Last)
				sent = sent[5:]
			}
		}
	}
}

// fillStore adds batches and commits after every few, as the collector's writer does.
func fillStore(dir string) error {
	ctx := context.Background()
	b, err := store.OpenBucket(dir)
	if err != nil {
		return err
	}
	s, _, err := store.Open(ctx, b, 0, store.Config{})
	if err != nil {
		return err
	}
	zip, err := zstd.NewWriter(nil, zstd.WithWindowSize(wire.MaxWindow))
	if err != nil {
		return err
	}
	monitor, epoch := uuid.Must(uuid.NewV4()), wire.NewEpoch()
	tick := time.NewTicker(10 * time.Millisecond)
	for next := uint64(1); ; <-tick.C {
		for range 1 + rand.IntN(8) {
			count := 1 + rand.IntN(20)
			if _, err := s.Add(batch(zip, monitor, epoch, next, count)); err != nil {
				return err
			}
			next += uint64(count)
			say("d %s %d", epoch, s.Watermark(monitor, epoch))
		}
		if err := s.Commit(ctx); err != nil {
			return err
		}
		say("d %s %d", epoch, s.Watermark(monitor, epoch))
	}
}

// batch makes count records from sequence first on; the n-th has n packets.
func batch(zip *zstd.Encoder, monitor uuid.UUID, epoch wire.Epoch, first uint64, count int) *store.Batch {
	e := argus.Encoder{Monitor: monitor, Interface: "eth0"}
	now := time.Now()
	stream := e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Start: now.UnixNano(), Now: now.UnixNano()})
	head := len(stream)
	for i := range uint64(count) {
		var r flow.Record
		r.Key = flow.Key{Family: flow.FamilyIPv4, Proto: 17, SrcPort: 40000, DstPort: 53}
		copy(r.Src[:], []byte{10, 0, 0, 1})
		copy(r.Dst[:], []byte{192, 0, 2, 1})
		r.ID, r.Start, r.Cause, r.End, r.Initiator = first+i, now.UnixNano(), flow.CauseStart, flow.EndIdle, flow.InitiatorSeen
		n := first + i
		r.Side[0] = flow.Side{Packets: n, Bytes: n * 64, IPBytes: n * 50, First: r.Start, Last: r.Start + 1e6}
		stream = e.AppendFlow(stream, &r)
	}
	if _, err := argus.Number(stream[head:], first); err != nil {
		panic(err)
	}
	return &store.Batch{Monitor: monitor, Epoch: epoch, First: first, Last: first + uint64(count) - 1, Received: now, Body: zip.EncodeAll(stream, nil)}
}
