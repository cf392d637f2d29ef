// Package pki is the collector's small certificate authority: it makes enrolment tokens, gives monitors
// their certificates, renews them, and says for each request whose certificate it is and whether it still counts.
//
// All of it is in a State, a folder or a cluster's key-value bucket, on which receivers and commands work side by
// side; what one process changes, the others see within two seconds:
//
//	ca                 the authority's key and certificate, P-256, ten years; during a rotation also the one before
//	tokens/<hash>      a token by the SHA-256 of its secret: the secret itself is not kept
//	monitors/<uuid>    a monitor's key, its labels, and a key of it that waits for approval
//	pending/<uuid>     a monitor that waits and was never enrolled; strangers can make at most 10,000 of these
//	tickets            the keys of TLS session tickets
//
// Values change by comparison with their revision (State.Put), so that no process undoes what another has done: a
// renewal never takes back a revocation, and a token is used exactly as often as it may be.
package pki
