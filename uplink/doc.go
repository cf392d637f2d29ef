// Package uplink delivers the spool to the collector over mutual TLS, for ever and politely, and enrols the monitor.
//
// A Client sends one batch at a time, and frees the spool only below the watermark that the collector's store has reported.
// Whatever goes wrong, nothing is freed: the batch is sent again after a back-off with full jitter, at another collector
// if there are several. In TLS 1.3 a refused client certificate shows only at the first read, so a collector counts as
// connected when its first answer has been read.
//
// The identity is a folder with a P-256 key, a certificate and the collector's CA. It is made at enrolment, with a token that
// pins the collector's CA, and renewed from half of the certificate's life. The contract is in package wire.
package uplink
