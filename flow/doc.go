// Package flow turns packet summaries into bidirectional flow records in bounded memory.
//
// A capture decoder fills one reused Packet per frame; Table.Add folds it into the entry that both
// directions share; Table.Due lends one Record for every flow that has something to report.
// Nothing here allocates per packet, takes a lock or asks for the time: time is the packet's.
package flow
