// Package argus writes and reads Argus record streams, version 5 and version 3.
//
// An [Encoder] appends flow, management and event records to a buffer; [Records] and [Reader] give back what
// anyone wrote. What a flow.Record has and Argus has no place for travels in one extension DSR of an unused
// type, which other readers skip (docs/argus-extension.md), so that our own records come back without loss.
//
// "Section" in the comments means a section of the description of the Argus record format. All numbers are
// big-endian and a word is four bytes.
package argus
