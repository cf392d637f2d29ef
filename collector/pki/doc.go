// Package pki is the collector's small certificate authority: it makes enrolment tokens, gives monitors
// their certificates, renews them, and says for each request whose certificate it is and whether it still counts.
//
// Everything is in one folder, so that commands can work on it beside a running collector; what one process
// changes, the other sees within a second:
//
//	ca.pem                     the authority's key and certificate, P-256, ten years
//	tokens/<id>.json           a token by the SHA-256 of its secret: the secret itself is not kept
//	monitors/<uuid>.json       the key of a monitor, and a key that waits for approval
//
// The folder is 0700 and its files 0600; Open refuses anything wider.
package pki
