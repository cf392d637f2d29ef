package flow

import "testing"

// ask adds a segment with PSH from side 0 after pause ns, and side 1's answer trip later, which acknowledges it.
func (c *conversation) ask(pause int64, length uint32, trip int64, answer uint32, seq *[2]uint32) {
	c.at += pause - 10_000_000
	c.segment(0, PSH|ACK, seq[0], seq[1], length)
	seq[0] += length
	c.at += trip - 10_000_000
	c.segment(1, PSH|ACK, seq[1], seq[0], answer)
	seq[1] += answer
	c.segment(0, ACK, seq[0], seq[1], 0)
}

// What a hand types on a terminal is counted, whatever else goes to and fro is not.
func TestKeystrokes(t *testing.T) {
	const ms = 1_000_000
	for _, c := range []struct {
		name     string
		build    func(c *conversation, seq *[2]uint32)
		src, dst uint32
	}{
		{"ten keys over SSH, and a line of output", func(c *conversation, seq *[2]uint32) {
			for range 10 {
				c.ask(150*ms, 36, 30*ms, 36, seq)
			}
			c.ask(300*ms, 36, 30*ms, 900, seq)
		}, 10, 0},
		{"keys over telnet", func(c *conversation, seq *[2]uint32) {
			for range 5 {
				c.ask(120*ms, 1, 2*ms, 1, seq)
			}
		}, 5, 0},
		{"keys of the answering side, as through a reverse shell", func(c *conversation, seq *[2]uint32) {
			for range 5 {
				c.at += 200 * ms
				c.segment(1, PSH|ACK, seq[1], seq[0], 3)
				seq[1] += 3
				c.segment(0, PSH|ACK, seq[0], seq[1], 4)
				seq[0] += 4
				c.segment(1, ACK, seq[1], seq[0], 0)
			}
		}, 0, 5},
		{"requests of a browser", func(c *conversation, seq *[2]uint32) {
			for range 10 {
				c.ask(500*ms, 120, 30*ms, 1400, seq)
			}
		}, 0, 0},
		{"a program's dialogue", func(c *conversation, seq *[2]uint32) {
			for range 10 {
				c.ask(1*ms, 20, 50*ms, 20, seq)
			}
		}, 1, 0}, // the first one comes after a rest
		{"an upload in small pieces", func(c *conversation, seq *[2]uint32) {
			for range 50 {
				c.at += 20 * ms
				c.segment(0, PSH|ACK, seq[0], seq[1], 100)
				seq[0] += 100
			}
		}, 0, 0},
		{"output that crosses the keys on its way", func(c *conversation, seq *[2]uint32) {
			for range 5 {
				c.at += 200 * ms
				c.segment(0, PSH|ACK, seq[0], seq[1], 10)
				c.segment(1, PSH|ACK, seq[1], seq[0], 10)
				seq[0], seq[1] = seq[0]+10, seq[1]+10
				c.segment(0, ACK, seq[0], seq[1], 0)
				c.segment(1, ACK, seq[1], seq[0], 0)
			}
		}, 0, 0},
		{"an answer that is late", func(c *conversation, seq *[2]uint32) {
			for range 5 {
				c.ask(200*ms, 10, 1500*ms, 10, seq)
			}
		}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var conv conversation
			conv.handshake(1, 9)
			conv.at += 100 * ms
			c.build(&conv, &[2]uint32{2, 10})
			var src, dst uint32
			for _, r := range conv.records() {
				src, dst = src+r.TCP.Side[0].Keystrokes, dst+r.TCP.Side[1].Keystrokes
			}
			if src != c.src || dst != c.dst {
				t.Errorf("%d and %d keystrokes, want %d and %d", src, dst, c.src, c.dst)
			}
		})
	}
}
