// Package journal is the ordered log between the receivers and the writers: NATS JetStream streams, one a shard,
// in which every acknowledged batch is on the disk, in the order of arrival, until the store has it.
//
// Server embeds a nats-server without any listener for a collector of one machine, Cluster is the way to an external one.
// Journal is the client, which sees no difference. KV keeps the small state that the processes of a cluster share.
//
// There is no consumer position to lose: the journal holds what the store does not have yet. A writer
// reads from the beginning, the store drops what it knows by its watermarks, and Discard takes away
// what a commit made durable. A crash between commit and Discard repeats batches, and loses none.
package journal
