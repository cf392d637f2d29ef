// Package archive opens files of records or frames however they are compressed, and writes archives of Argus records: files
// named by sensor and time, compressed if asked for, that a reader can take at any moment.
package archive
