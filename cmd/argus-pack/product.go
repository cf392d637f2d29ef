package main

// product is a program as it is shipped.
type product struct {
	Name        string
	Summary     string
	Description string   // lines of at most 75 characters
	arches      []string // of Linux, in Go's words
	units       []string // systemd's, beside argus-pack or the installer
	Endpoint    bool
	Mode        string // of the state folder
}

var products = []product{
	{
		Name:    "argus-endpoint",
		Summary: "network flow sensor for laptops and servers",
		Description: `Watches every interface, with nothing to configure, turns packets into
bidirectional Argus flow records in bounded memory, tags them with the
host's UUID and delivers them to the collector of its enrolment token,
each exactly once, over mutual TLS.
.
A token is all it needs: in the file /etc/argus-endpoint/token, or in
the environment variable ARGUS_TOKEN when the package is installed.`,
		arches:   []string{"amd64", "arm64", "arm"},
		units:    []string{"installer/files/argus-endpoint.service", "installer/files/argus-endpoint-token.path", "installer/files/argus-endpoint-token.service"},
		Endpoint: true,
	},
	{
		Name:    "argus-collector",
		Summary: "receives, keeps and shows the flow records of argus-endpoint sensors",
		Description: `Enrols argus-endpoint sensors, takes their Argus flow records over mutual
TLS, keeps each exactly once as Parquet files by the hour, and serves them
to queries, to the tools of Argus and to whatever reads Parquet. It works
on one machine with nothing beside it, or shares a cluster of NATS servers.`,
		arches: []string{"amd64", "arm64"},
		units:  []string{files + "/argus-collector/argus-collector.service"},
	},
}

// files is the folder of what only packages have.
const files = "cmd/argus-pack/files"
