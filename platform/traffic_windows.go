package platform

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// withoutAddresses leaves out what counters need not.
const withoutAddresses = adapterFlags | windows.GAA_FLAG_SKIP_UNICAST | windows.GAA_FLAG_SKIP_FRIENDLY_NAME

func readTraffic() (map[int]Traffic, error) {
	list, err := adapters(withoutAddresses)
	if err != nil {
		return nil, fmt.Errorf("counters of the interfaces: %w", err)
	}
	all := make(map[int]Traffic)
	for a := range list {
		row := windows.MibIfRow2{InterfaceIndex: uint32(adapterIndex(a))}
		if err := windows.GetIfEntry2Ex(windows.MibIfEntryNormal, &row); err != nil {
			continue // it went away meanwhile
		}
		all[adapterIndex(a)] = Traffic{
			RxPackets: row.InUcastPkts + row.InNUcastPkts, TxPackets: row.OutUcastPkts + row.OutNUcastPkts,
			RxBytes: row.InOctets, TxBytes: row.OutOctets, RxDropped: row.InDiscards, TxDropped: row.OutDiscards,
		}
	}
	return all, nil
}
