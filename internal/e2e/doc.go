// Package e2e tests the whole product as its users meet it: the real programs on hosts that are network namespaces,
// real traffic of known counts, a real collector, and what becomes of it when either end is killed.
package e2e
