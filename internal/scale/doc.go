// Package scale measures a collector under thousands of agents: real uplinks, real TLS, records that are made when they are sent.
// Only its tests do anything; run them with: make scale.
package scale
