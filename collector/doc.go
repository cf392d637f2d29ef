// Package collector wires the SOC side: receive takes batches from agents, journal keeps them in order until
// store has written them as Parquet, pki says who the agents are. All state is in one folder.
package collector
