// Package spool keeps encoded records on disk, bounded, until the collector has them.
//
// A Spool is a queue of segments: append-only files named by their first sequence number. Append numbers a block of
// records and writes it as one frame; Lease lends what is safely on disk, Commit frees what the collector's store has.
// There is no file with a read position: the collector's watermark is the position, and what was leased and not
// committed is leased again after Rewind or a restart. A sequence number is never used twice within an epoch:
//
//   - only synced frames are leased, so that a power cut cannot take back a number that the collector has seen;
//   - the floor file keeps the numbering when every segment is gone;
//   - where a number may have been used (a cut tail, a missing newest segment or floor, a clone, records that were
//     only in memory), the spool goes on in a new, random epoch. Numbers themselves never go down.
//
// Append never waits for a disk's cache: Run (or Sync) does the slow work. The spool is bounded by bytes, files and the
// file system's free space; the oldest segment goes first, and Batch.Dropped tells the collector how many records are missing.
// What the collector will never take is set aside by Quarantine, and files of a newer version at Open. Stats accounts for every record.
// When the folder cannot be written the queue goes on in memory with a small bound, until the folder is back.
//
// Layout of a segment, little endian. Header, 48 octets: "ARGUSSPL", version u16 (1), 2 octets 0, CRC-32C of the header with
// this field 0 u32, epoch u64, first sequence u64, owner u64 (of SHA-256 of Options.Host), creation i64 (ns since 1970).
// Frame: length u32 of what follows the CRC, CRC-32C u32 of that, first sequence u64, count u32, body.
package spool
