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

// Statistic sums up durations, in seconds. StdDev is that of the population.
type Statistic struct {
	N                           uint32
	Min, Mean, StdDev, Max, Sum float64
}
