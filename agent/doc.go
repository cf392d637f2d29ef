// Package agent wires the endpoint together: it starts and stops a meter for every interface as interfaces come and go,
// keeps the records in the spool, delivers them, shows them to local readers and reports its own health.
package agent
