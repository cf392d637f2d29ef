// Package platform knows what only the operating system can tell: who this host is, which network
// interfaces it has and when they change, and where a service keeps its things.
package platform
