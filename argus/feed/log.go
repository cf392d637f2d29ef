package feed

import "sync"

// log holds the blocks of records that were published last. Every client walks it at a pace of its own and copies nothing; what all
// of them have passed is garbage.
type log struct {
	mu   sync.Mutex
	last *block
}

// block is a piece of the log.
type block struct {
	records []byte
	end     uint64 // octets published up to the end of this one
	status  bool   // holds a status record of the server's own monitor
	done    chan struct{}
	next    *block // valid when done is closed
}

func newLog() *log { return &log{last: &block{done: make(chan struct{})}} }

// append puts a block at the end; its memory is the log's from now on. It returns the octets published so far.
func (l *log) append(records []byte, status bool) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last
	b := &block{records: records, end: last.end + uint64(len(records)), status: status, done: make(chan struct{})}
	last.next, l.last = b, b
	close(last.done)
	return b.end
}

// head returns the last block: what follows it is yet to come.
func (l *log) head() *block {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// follow returns the block behind b when it is there, else nil.
func (b *block) follow() *block {
	select {
	case <-b.done:
		return b.next
	default:
		return nil
	}
}
