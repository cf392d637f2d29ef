// Package fields prints Argus records by the field names of ra: as text, JSON or CSV.
//
// Tables say for every field its name, title, width and value; docs/fields.md explains them all. Text looks like ra's; JSON
// and CSV have numbers as numbers, times as seconds since 1970, and leave out or empty what a record does not have. Beside
// ra's there are fields of our own: sipbytes and dipbytes (octets of IP), flowid, end, conn_state and history (Zeek's),
// community_id, stunaddr, dtunaddr and tunid (ends and number of any tunnel), and of each side of TCP sooo (segments out of
// order), sdupack (acknowledgements that said nothing new) and sunseen (octets acknowledged that nobody saw).
package fields
