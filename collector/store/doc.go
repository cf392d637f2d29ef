// Package store keeps flow records as Parquet files by hour, each record once, in a folder or a bucket of S3, and answers queries over them.
//
// A commit puts data files into the bucket and then one object more, the next number of its shard, which can be made but once: it names
// the files together with the watermarks that they reach. What no commit names does not exist. So data and the memory of
// what has been seen become durable in one step, a record that comes again is recognised for ever, and a writer that another one has
// replaced can commit no more. The schema, the manifest and retention are in docs/store.md.
package store
