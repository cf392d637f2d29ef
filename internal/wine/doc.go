// Package wine runs the program for Windows, its service and its packages under Wine: make wine. Only tests import it.
package wine
