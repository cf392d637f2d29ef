// Package codec decompresses bzip2, xz and zstd, in bounded memory. argus-endpoint goes without it: it costs 330 kB of a program that
// may have 9 MB.
package codec
