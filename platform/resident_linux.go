package platform

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ownMaps are the mappings of the program, which stay as they are.
var ownMaps = sync.OnceValue(func() (list [][2]uintptr) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil
	}
	defer maps.Close()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	for begin, end := range programMaps(maps, program) {
		list = append(list, [2]uintptr{begin, end})
	}
	return list
})

func releaseProgram() {
	for _, m := range ownMaps() {
		// madvise(2): clean pages of a private mapping of a file are dropped, and read again when they are touched.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m[0], m[1]-m[0], unix.MADV_DONTNEED)
	}
}

// programMaps yields where the file is mapped and cannot be written (proc_pid_maps(5)): pages that can hold more than the file.
func programMaps(maps io.Reader, file string) iter.Seq2[uintptr, uintptr] {
	return func(yield func(begin, end uintptr) bool) {
		for lines := bufio.NewScanner(maps); lines.Scan(); {
			line := lines.Text()
			var begin, end uintptr
			var mode string
			if n, _ := fmt.Sscanf(line, "%x-%x %s", &begin, &end, &mode); n != 3 || len(mode) != 4 || mode[0] != 'r' || mode[1] != '-' || begin >= end {
				continue
			}
			if strings.HasSuffix(line, " "+file) && !yield(begin, end) {
				return
			}
		}
	}
}
