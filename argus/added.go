package argus

// Added is what clients, collectors and sensors of other kinds put into a record beside the flow (section 2.14). The zero
// value says nothing.
type Added struct {
	AS           [3]uint32   // autonomous systems of the source, the destination and the node that sent the ICMP message; 0 is none (RFC 7607)
	Country      [2][2]byte  // ISO 3166 letters of the source and the destination; zero is none
	Position     [3]Position // of the source, the destination and the node that sent the ICMP message
	Locality     [2]int8     // of the source and the destination, when Has says HasLocality: the higher the closer to home
	Organisation [2]uint16   // number of the source's and the destination's network, by the table of who added it
	Score        [8]uint8
	Aggregate    Aggregate
	Correlate    Correlate
	Guess        Guess     // what the sensor took a UDP flow for
	Lost         [2]uint32 // of RTP: packets of the source and of the destination that are missing; of UDT: of the source
	UDT          UDT
	Fragment     byte     // the flow is of later fragments of datagrams: f, V when they overlap; 0: it is not
	BSSID        [6]byte  // of a key of flow.FamilyWLAN
	SSID         [32]byte // of the same, NUL padded
}

// Position is a place on the globe in degrees.
type Position struct {
	Latitude, Longitude float32
	Known               bool
}

// Aggregate tells what a record was merged of. With Count 0 it is one record as it was made.
type Aggregate struct {
	Count        uint32    // records
	Active, Idle Statistic // how long each lasted, and the times between them
}

// Statistic sums up durations, in seconds. StdDev is that of the population; Sum is Mean times N when it comes from a stream.
type Statistic struct {
	N                           uint32
	Min, Mean, StdDev, Max, Sum float64
}

// Correlate tells how another sensor saw the same flow: by how much its record differs.
type Correlate struct {
	Count                 uint32 // sensors; of the first one is the rest
	Monitor               [4]byte
	Duration, Start, Last int32 // microseconds
	Packets               [2]int32
}

// Guess is a protocol above UDP, by the subtype of the network DSR (section 2.6).
type Guess uint8

// What sensors take UDP for, by its ports and octets.
const (
	GuessRTCP Guess = 0x09
	GuessRTP  Guess = 0x0a
	GuessUDT  Guess = 0x0d
)

// UDT is what a sensor counted of the source of a UDT flow.
type UDT struct{ Window, Solo, First, Retrans, Nacks uint32 }
