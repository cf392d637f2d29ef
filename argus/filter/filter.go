// Package filter selects records by an expression in the language of ra's filters (man ra, FILTER EXPRESSION): hosts, networks,
// ports, protocols, states and measures of flows, joined by and, or, not and parentheses. docs/filter.md describes it.
package filter

import (
	"strings"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// Filter is a parsed expression. The zero Filter matches every flow.
type Filter struct {
	term
	speaks kinds
}

// kinds are the kinds of records besides flows that an expression speaks of.
type kinds uint8

const (
	management kinds = 1 << iota
	events
)

// Match tells whether the expression selects r. Management and event records are never selected unless the words man or event
// stand somewhere in the expression.
func (f *Filter) Match(r *argus.Record) bool {
	switch r.Kind {
	case argus.KindFlow:
		return f.match == nil || f.match(r)
	case argus.KindManagement:
		return f.speaks&management != 0 && f.match(r)
	case argus.KindEvent:
		return f.speaks&events != 0 && f.match(r)
	}
	return false
}

// Needs returns conditions that every flow must meet that f matches.
func (f *Filter) Needs() Needs { return f.needs }

// matcher tells whether a record is one of those that a part of an expression selects.
type matcher func(*argus.Record) bool

// term is a part of an expression.
type term struct {
	match matcher
	needs Needs
}

func (t *term) and(o *term) *term {
	a, b := t.match, o.match
	return &term{func(r *argus.Record) bool { return a(r) && b(r) }, t.needs.and(&o.needs)}
}

func (t *term) or(o *term) *term {
	a, b := t.match, o.match
	return &term{func(r *argus.Record) bool { return a(r) || b(r) }, t.needs.or(&o.needs)}
}

func (t *term) not() *term {
	match := t.match
	return &term{match: func(r *argus.Record) bool { return !match(r) }}
}

const (
	maxWords  = 1000    // of an expression, and so the depth of its parentheses
	maxOctets = 1 << 16 // of an expression
)

// Parse reads an expression, whether a shell has split it into words or not. No words match every flow. Errors are *Error.
func Parse(words []string) (Filter, error) {
	p := parser{text: strings.Join(words, " ")}
	if len(p.text) > maxOctets {
		return Filter{}, &Error{Expression: p.text[:maxOctets], At: maxOctets, Reason: "the filter is longer than 65536 octets"}
	}
	p.words = split(p.text)
	if len(p.words) > maxWords {
		return Filter{}, p.wrong(maxWords, "the filter has more than 1000 words")
	}
	p.take("local") // ra's word for: not at the server
	if len(p.words) == 0 {
		return Filter{}, nil
	}
	t, err := p.expression()
	if err == nil && p.at < len(p.words) {
		err = p.fail("and, or, or the end is expected")
	}
	if err != nil {
		return Filter{}, err
	}
	return Filter{*t, p.speaks}, nil
}
