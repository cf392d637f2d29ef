// Package journal is the ordered log between the receivers and the writer: a NATS JetStream stream
// in which every acknowledged batch is on the disk, in the order of arrival, until the store has it.
//
// Server embeds a nats-server without any listener for a collector of one machine. Journal is the
// client, which sees no difference between that and an external cluster.
//
// There is no consumer position to lose: the journal holds what the store does not have yet. The writer
// reads from the beginning, the store drops what it knows by its watermarks, and Discard takes away
// what a commit made durable. A crash between commit and Discard repeats batches, and loses none.
package journal
