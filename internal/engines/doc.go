// Package engines has tests only: of the collector with the engines around it, an S3 server, DuckDB, a NATS cluster and a balancer.
package engines
