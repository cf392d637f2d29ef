// Package receive takes batches of records from agents over HTTPS, checks them, hands them to the journal
// and answers with what the store has. Nothing that a peer sends is trusted: every length, count and name
// is held against a limit or against the peer's certificate before it is used.
package receive
