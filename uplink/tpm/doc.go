// Package tpm holds a P-256 signing key in a TPM 2.0: it is made there and never leaves it.
//
// The key is kept as the TPM wrapped it, in the form of other tools (a PEM block "TSS2 PRIVATE KEY", draft-bottomley-tpm2-keys): who copies the file can
// do nothing with it on another machine. Nothing stays in the TPM: each signature derives the storage key, loads, signs and forgets. The parent is the
// persistent storage root key 0x81000001 that Windows and many installers provision (TCG TPM v2.0 Provisioning Guidance section 7.5.1), else a
// storage key derived from the owner hierarchy, which needs that hierarchy to have no password.
//
// Commands and structures are those of the TCG TPM 2.0 Library, parts 2 and 3. Only what a signature needs is here: a whole library would
// be a third of a megabyte in a program that has a limit.
package tpm
