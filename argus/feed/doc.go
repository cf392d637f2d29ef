// Package feed speaks the Argus server protocol, both halves: a Server gives records to ra, radium and their like, and Open and Follow
// take them from any Argus sensor or radium.
//
// A server says who it is at once, by a START management record. The client says FILTER: (answered OK or SY) if it wants less than
// all, then START:, and records come until one of them goes away. Nothing is encrypted and nobody proves who he is: the protocol has no
// place for it. A listener of crypto/tls and a Source with TLS put it inside of a tunnel.
package feed
