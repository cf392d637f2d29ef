// Package ecosystem holds the Argus tools of Debian and our programs against each other, on files, archives and live feeds: make
// ecosystem. It has only tests.
package ecosystem
