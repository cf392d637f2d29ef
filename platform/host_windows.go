package platform

import (
	"iter"

	"golang.org/x/sys/windows/registry"
)

// systemIDs yields the MachineGuid that Windows setup drew, from the 64-bit view of the registry.
func systemIDs() iter.Seq2[string, string] {
	return func(yield func(text, origin string) bool) {
		k, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Cryptography`,
			registry.QUERY_VALUE|registry.WOW64_64KEY)
		if err != nil {
			return
		}
		defer k.Close()
		if s, _, err := k.GetStringValue("MachineGuid"); err == nil {
			yield(s, "MachineGuid")
		}
	}
}
