// Package identify names flows and what they carry by what their first packets show. It knows nothing of the table.
package identify
