// Package reader is the flows command of both programs: its flags, the sources that it reads, what becomes of the records, and
// how they are shown.
package reader
