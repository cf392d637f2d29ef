// Package pack writes the packages that a fleet is equipped with, without the systems they are for, and puts an enrolment token into them.
package pack
