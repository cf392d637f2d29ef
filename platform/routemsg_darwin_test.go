package platform

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The numbers that the parser has are those of the system's headers: this compiles only when each difference is 0.
var (
	_ = [1]byte{}[unsafe.Sizeof(unix.IfMsghdr2{})-ifMsg2Len]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfMsghdr2{}.Addrs)-rtmAddrs]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfMsghdr2{}.Flags)-ifMsgFlags]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfMsghdr2{}.Index)-rtmIndex]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfMsghdr2{}.Snd_drops)-ifMsgDrops]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfMsghdr2{}.Data)-ifData]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfData64{}.Mtu)+ifData-ifDataMTU]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfData64{}.Ipackets)+ifData-ifDataCounts]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfData64{}.Opackets)+ifData-ifDataCounts-2*8]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfData64{}.Ibytes)+ifData-ifDataCounts-5*8]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfData64{}.Iqdrops)+ifData-ifDataCounts-9*8]
	_ = [1]byte{}[unsafe.Sizeof(unix.IfaMsghdr{})-ifaMsgLen]
	_ = [1]byte{}[unsafe.Offsetof(unix.IfaMsghdr{}.Index)-rtmIndex]
	_ = [1]byte{}[unsafe.Offsetof(unix.RtMsghdr{}.Flags)-rtmFlags]
	_ = [1]byte{}[unsafe.Offsetof(unix.RawSockaddrDatalink{}.Nlen)-5]
	_ = [1]byte{}[unsafe.Offsetof(unix.RawSockaddrDatalink{}.Data)-8]
	_ = [1]byte{}[unix.RTM_VERSION-rtmVersion+unix.RTM_IFINFO2-rtmIfInfo2+unix.RTM_NEWADDR-rtmMacAddr+unix.AF_LINK-macLink]
	_ = [1]byte{}[unix.RTAX_NETMASK-rtaxMask+unix.RTAX_IFP-rtaxLink+unix.RTAX_IFA-rtaxAddress+unix.RTAX_MAX-rtaxPlaces]
	_ = [1]byte{}[unix.RTF_LLINFO-rtmNeighbor+unix.RTF_WASCLONED-rtmCloned+unix.AF_INET6-macIPv6]
)
