//go:build linux

// Package powercut takes the power away from a disk under load, hundreds of times, and looks at what it held. Only its tests use it.
//
// The disk is an image on XFS with reflink: "cp --reflink=always" of the image is an atomic picture of what the disk had been given at that
// moment, while the writer goes on. The picture is mounted (ext4 and XFS replay their journals as after a power cut), opened and compared with
// what the writer had said before. What such a picture cannot show is a disk that reorders what it was given; the spool's and the store's own
// tests do that in memory.
package powercut
