package platform

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// withoutAddresses leaves out what counters need not.
const withoutAddresses = adapterFlags | windows.GAA_FLAG_SKIP_UNICAST | windows.GAA_FLAG_SKIP_FRIENDLY_NAME

// getIfEntry2 is there in every Windows; GetIfEntry2Ex, which package windows has, is documented from Windows 10 1703 on only.
var getIfEntry2 = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetIfEntry2")

func readTraffic() (map[int]Traffic, error) {
	list, err := adapters(withoutAddresses)
	if err != nil {
		return nil, fmt.Errorf("counters of the interfaces: %w", err)
	}
	all := make(map[int]Traffic)
	for a := range list {
		row := windows.MibIfRow2{InterfaceIndex: uint32(adapterIndex(a))}
		if code, _, _ := getIfEntry2.Call(uintptr(unsafe.Pointer(&row))); code != 0 {
			continue // it went away meanwhile
		}
		all[adapterIndex(a)] = Traffic{
			RxPackets: row.InUcastPkts + row.InNUcastPkts, TxPackets: row.OutUcastPkts + row.OutNUcastPkts,
			RxBytes: row.InOctets, TxBytes: row.OutOctets, RxDropped: row.InDiscards, TxDropped: row.OutDiscards,
		}
	}
	return all, nil
}
