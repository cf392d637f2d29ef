// Package packages tests what make packages has made: every file of every package, and that a second build elsewhere is the same.
// make packages-check runs it.
package packages
