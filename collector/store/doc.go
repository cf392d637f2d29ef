// Package store keeps flow records as Parquet files by hour, each record once, and answers queries over them.
//
// A commit writes data files, syncs them, and then appends one line to the manifest: the names of the files
// together with the watermarks that they reach. What the manifest does not name does not exist: files of an
// unfinished commit are removed at the next Open. So data and the memory of what has been seen become durable
// in one step, and a record that comes again is recognised for ever. The schema is in docs/store.md.
package store
