// Package zeek reads Zeek's conn.log, as tab-separated values and as lines of JSON, into flow records (docs.zeek.org, conn.log and "Zeek
// log formats").
package zeek
