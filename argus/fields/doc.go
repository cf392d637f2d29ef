// Package fields prints Argus records by the field names of ra: as aligned text, JSON or CSV.
//
// One table says for every field its name, title, width and value. Text looks like ra's; JSON and CSV have
// numbers as numbers, times as seconds since 1970 with six decimals, and leave out or empty what a record does
// not have. A printer passes over records that are not flows.
package fields
