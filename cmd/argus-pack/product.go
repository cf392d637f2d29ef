package main

// product is a program as it is shipped.
type product struct {
	Name        string
	Summary     string
	Description string   // lines of at most 75 characters
	targets     []string // systems and architectures, in Go's words
	units       []string // systemd's, beside argus-pack or the installer
	Endpoint    bool
}

var products = []*product{
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
		targets:  []string{"linux/amd64", "linux/arm64", "linux/arm", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"},
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
		targets: []string{"linux/amd64", "linux/arm64"},
		units:   []string{files + "/argus-collector/argus-collector.service"},
	},
}

// files is the folder of what only packages have.
const files = "cmd/argus-pack/files"

// program is a product built for one system.
type program struct {
	product      *product
	goos, goarch string
	file         string
}

// name is what SBOM and messages call it, and the end of its path in the folder of programs.
func (p program) name() string { return p.goos + "-" + p.goarch + "/" + p.base() }

// base is the name of the program's file.
func (p program) base() string {
	if p.goos == "windows" {
		return p.product.Name + ".exe"
	}
	return p.product.Name
}
