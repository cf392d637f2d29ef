package filter

import (
	"net/netip"
	"strings"
)

// word is a word of an expression and where it stands.
type word struct {
	text string
	at   int
}

// split returns the words of an expression; parentheses, ! and comparison signs are words of their own.
func split(s string) (words []word) {
	for at := 0; at < len(s); {
		n := 1
		switch rest := s[at:]; {
		case strings.IndexByte(" \t\r\n\v\f", s[at]) >= 0:
			at++
			continue
		case strings.HasPrefix(rest, ">="), strings.HasPrefix(rest, "<="), strings.HasPrefix(rest, "=="),
			strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"):
			n = 2
		case strings.IndexByte("()!<>=", s[at]) >= 0:
		default:
			if n = strings.IndexAny(rest, " \t\r\n\v\f()!<>=&|"); n < 0 {
				n = len(rest)
			}
			n = max(n, 1)
		}
		words = append(words, word{s[at : at+n], at})
		at += n
	}
	return words
}

// parser reads its words by recursive descent. and and or bind alike, from left to right; not binds tighter.
type parser struct {
	text   string
	words  []word
	at     int
	speaks kinds
	last   qualifiers // of the last identifier
}

// qualifiers say of what the identifier is that follows them.
type qualifiers struct {
	protocol *term
	direction
	primitive *primitive
}

func (p *parser) peek() string { return p.ahead(0) }

// ahead returns the word n words on, "" after the end.
func (p *parser) ahead(n int) string {
	if p.at+n < len(p.words) {
		return p.words[p.at+n].text
	}
	return ""
}

// take steps over the next word if it is one of these.
func (p *parser) take(words ...string) bool {
	for _, w := range words {
		if w == p.peek() {
			p.at++
			return true
		}
	}
	return false
}

// fail returns an error that points at the next word.
func (p *parser) fail(reason string) error { return p.wrong(p.at, reason) }

// wrong returns an error that points at a word by its number.
func (p *parser) wrong(n int, reason string) error {
	e := &Error{Expression: p.text, At: len(p.text), Reason: reason}
	if n < len(p.words) {
		e.At, e.Len = p.words[n].at, len(p.words[n].text)
	}
	return e
}

func (p *parser) expression() (*term, error) {
	left, err := p.not()
	for err == nil {
		var right *term
		switch {
		case p.take("and", "&&"):
			if right, err = p.not(); err == nil {
				left = left.and(right)
			}
		case p.take("or", "||"):
			if right, err = p.not(); err == nil {
				left = left.or(right)
			}
		default:
			return left, nil
		}
	}
	return left, err
}

func (p *parser) not() (*term, error) {
	switch {
	case p.take("not", "!"):
		t, err := p.not()
		if err != nil {
			return nil, err
		}
		return t.not(), nil
	case p.take("("):
		open := p.at - 1
		t, err := p.expression()
		if err == nil && !p.take(")") {
			if p.at < len(p.words) {
				return t, p.fail("and, or or ) is expected")
			}
			err = p.wrong(open, "this parenthesis is not closed")
		}
		return t, err
	}
	return p.qualified()
}

// qualified reads an identifier with its qualifiers: [protocol] [direction] [kind] identifier. Without any they are those of
// the identifier before.
func (p *parser) qualified() (*term, error) {
	q := qualifiers{protocol: p.protocol()}
	if q.protocol != nil && !p.begins() {
		return q.protocol, nil
	}
	directed := p.direction(&q)
	switch pr, side := lookup(p.peek()); {
	case pr == nil && directed:
		q.primitive = p.last.primitive
		if q.primitive == nil || !q.primitive.sides || q.primitive.argument == "" || isAddress(p.peek()) {
			q.primitive = &hostPrimitive
		}
	case pr == nil && p.last.primitive != nil && p.isIdentifier():
		q = p.last
	case pr == nil && isAddress(p.peek()):
		q.primitive = &hostPrimitive
	case pr == nil:
		return nil, p.unknown()
	case (directed || side != either) && !pr.sides:
		return nil, p.fail("src and dst say nothing of this word")
	default:
		if q.primitive = pr; side != either {
			q.direction = side
		}
		p.at++
	}
	t, err := q.primitive.parse(p, q.direction)
	if err != nil {
		return nil, err
	}
	if q.primitive.argument != "" {
		p.last = q
	}
	if q.protocol != nil {
		t = q.protocol.and(t)
	}
	return t, nil
}

// protocol reads a word for a protocol, if there is one.
func (p *parser) protocol() *term {
	f := protocol(p.peek())
	if f == nil {
		return nil
	}
	p.at++
	return f.term()
}

// begins tells whether the next word may follow a protocol without and.
func (p *parser) begins() bool {
	w := p.peek()
	pr, _ := lookup(w)
	return pr != nil || w == "src" || w == "dst"
}

// isIdentifier tells whether the next word may be an identifier without its qualifiers, or a comparison.
func (p *parser) isIdentifier() bool {
	switch w := p.peek(); w {
	case "", ")", "and", "&&", "or", "||", "&", "|", "src", "dst":
		return false
	default:
		return true
	}
}

// direction reads src, dst, src or dst, src and dst.
func (p *parser) direction(q *qualifiers) (directed bool) {
	one := p.peek()
	switch one {
	case "src":
		q.direction = source
	case "dst":
		q.direction = destination
	default:
		return false
	}
	p.at++
	if other := p.ahead(1); (other == "src" || other == "dst") && other != one {
		switch {
		case p.take("or", "||"):
			q.direction = either
			p.at++
		case p.take("and", "&&"):
			q.direction = both
			p.at++
		}
	}
	return true
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// unknown returns an error for a word that is none of the language.
func (p *parser) unknown() error {
	w := p.peek()
	switch w {
	case "":
		return p.fail("the filter ends where a word is expected")
	case "and", "&&", "or", "||", ")":
		return p.fail("a word to select by is expected before this one")
	}
	if like := nearest(w); like != "" {
		return p.fail("no filter knows this word: is it " + like + "?")
	}
	return p.fail("no filter knows this word")
}
