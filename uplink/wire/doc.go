// Package wire holds what agent and collector agree on: paths, headers, statuses, limits, the
// watermark, the enrolment token and the JSON of enrolment. It does no input or output.
//
// # Delivery
//
//	POST /v1/flows      one batch: ContentFlows, zstd, the Header* headers; TLS 1.3 with the monitor's certificate
//	GET  /v1/durable    HeaderEpoch; the watermark without a batch, while something sent is not durable yet
//
// The body of a batch is a complete Argus v5 stream: a START management record, then records.
// Every record after that START is numbered, whatever its kind: flow, status and event records alike. The first has the sequence
// HeaderFirst, the last HeaderLast, and none is left out between them: a record's identity is
// (monitor, epoch, that sequence). A sequence has 64 bits; a record's transport DSR carries the lower 32.
// After a restart the same records may come in batches of other sizes: a batch may overlap what was taken, and the
// collector keeps of it what is new.
//
// HeaderDropped is the number of sequences directly before the first that never come (a full spool, a quarantined
// batch): [First-Dropped, First-1] is a gap, which the watermark passes over as if it were durable. It is 0 when nothing is
// missing, and the same when a batch is repeated. Behind a gap that is not reported the collector takes a batch only when it comes
// for the second time, because an agent that still has what is missing (a journal has lost it) sends that first.
//
// Sequences count up from 1 over the life of a spool. An epoch begins at any sequence, and a monitor whose spool was in
// doubt delivers the rest of an old epoch before a new one.
//
//	204   journalled (a duplicate too); HeaderDurable is the store's watermark for the epoch that was asked about
//	400, 413, 422   this batch will never be taken: the agent sets it aside and goes on
//	401, 403        unknown, revoked or another monitor's: the agent renews or enrols again and keeps its spool
//	429, 503        busy or full, with Retry-After (seconds)
//
// Every answer to /v1/durable is 204 with HeaderDurable (sequence 0 for an epoch not seen), or one of 401, 403, 429, 503.
// An agent asks at most every PollInterval, and only when it has sent what it does not know to be durable.
//
// # Enrolment
//
//	POST /v1/enroll     EnrollRequest -> EnrollResponse; TLS 1.3 without a client certificate
//	POST /v1/renew      RenewRequest -> EnrollResponse; TLS 1.3 with the old certificate
//
// The collector sends its CA certificate as the last one of its TLS chain: the agent accepts the chain when one
// certificate of it has the SHA-256 of the token, the leaf is signed by that one, and the leaf matches the name dialled.
//
//	200   EnrollResponse
//	202   pending: waits for an operator's approval; ask again after Retry-After
//	403   token unknown, expired, used up or revoked; renewal: certificate revoked
//	409   this monitor is known with another key: waits for approval; ask again after Retry-After
//	422   the request makes no sense (a CSR that does not verify, a SAN that is not the monitor's)
//	429, 503   with Retry-After
//
// An agent without a token asks with an empty Secret. It has nothing to know the collector by: it goes by the system's authorities or else
// keeps the CA that it is shown, and takes no other afterwards.
//
// A renewal is granted to a certificate that has expired no longer than RenewLate ago, when its key is still the monitor's.
//
// During a rotation of the CA EnrollResponse.CA has two certificates, and HeaderCA tells agents that there is another bundle than theirs:
// they renew at a random time within an hour. The chain of the collector then has the new CA's certificate signed by the old one, so that
// agents with either accept it.
//
// Statuses other than 2xx carry an ErrorResponse as ContentJSON.
package wire
