//go:build !unix

package main

import "os"

// terminalWidth says that it is no terminal: nothing is cut or coloured.
func terminalWidth(*os.File) int { return 0 }
