# make            build both programs into bin/
# make run        a collector, an agent and the flows of this machine, until Ctrl-C
# make test       everything that a change must pass (under 10 minutes)
# make platforms  vets all platforms; argus-endpoint is under its size limit on each
# make demo-check make run with a connection beside it: what a newcomer sees is there
# make chaos      every part of a site is killed at random, nothing is lost or doubled (KILLS=500 SEED=7 for a long run; MUTANTS=1 for known defects)
# make powercut   the power is taken away from a disk hundreds of times: spool and store on ext4 and XFS, and in memory (CUTS=500, LIVES=100000)
# make faults     every fault of docs/reliability.md, and what happens then
# make scale      thousands of agents at one collector (AGENTS=10000); records a second of one node and of three
# make engines    the store in an S3 server and read by DuckDB, and a site with a NATS cluster and a balancer
# make ecosystem  every Argus tool of Debian on our files, archives and feeds, and our collector on its sensor: what is equal, and why the rest is not
# make wine       the program for Windows, its service and its packages, under Wine
# make hosts      booted Debian hosts: packages installed, upgraded and purged on them, and five of them rolled out by ansible, with a Windows (Wine) beside them
# make bench      the table of speed and memory, beside the peers that are installed
# make stress     the tests of all packages, twelve at once, for 20 minutes (AT_ONCE=, MINUTES=): what fails only here has a race, or judges the machine
# make soak       100 million hostile frames (SEED for another run)
# make pgo        the profile that the compiler optimises argus-endpoint by, made anew
# make fuzz       every fuzz target for FUZZTIME each (default 30s)
# make cross      both programs for every platform into bin/<os>-<arch>/
# make packages   deb, rpm, apk, MSI, pkg and archives of both programs into dist/, with sums and SBOM
# make sign       the same, signed for Windows (CERT= KEY=)
# make packages-check every package is looked at, and made twice
# make clean      remove what the above made

export CGO_ENABLED = 0
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# argus-endpoint must stay under 9 MB. What runs once a packet is inlined in it, by the profile; what runs once a record, without the profile and
# without copies of closures; nothing else is. Functions begin anywhere, and the long names of generic shapes are short. Together 350 kB less.
ARGUS    = github.com/argus-endpoint/argus-endpoint/
LDFLAGS  = -s -w -X $(ARGUS)internal/cli.release=$(VERSION)
BUILD    = go build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)"
PACKET   = $(addprefix $(ARGUS),capture/... flow/... argus)
RECORD   = internal/runtime/atomic internal/runtime/sys internal/runtime/math internal/abi internal/bytealg internal/byteorder internal/strconv internal/stringslite sync/atomic \
           math/bits encoding/binary github.com/klauspost/... $(addprefix $(ARGUS),agent platform)
NAMES    = maxshapelen=80
ALIGN    = $(if $(filter amd64,$(or $(GOARCH),$(shell go env GOARCH))),1,4)
SMALL    = -ldflags "-funcalign=$(ALIGN) $(LDFLAGS)" -gcflags=all="-l -d=$(NAMES),variablemakethreshold=0,ssa/likelyadjust/off" \
           $(foreach p,$(RECORD),-gcflags=$(p)=-d=$(NAMES),inlfuncswithclosures=0,pgoinline=0) $(foreach p,$(PACKET),-gcflags=$(p)=-d=$(NAMES))
TARGETS  = linux/amd64 linux/arm64 linux/arm darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# What make test vets: one of each other system, and one of 32 bits. .ci/run vets all TARGETS.
VET     ?= linux/arm darwin/arm64 windows/amd64
FUZZTIME ?= 30s

.PHONY: build endpoint run test deps format vet staticcheck cross-vet unit judges budgets platforms demo-check chaos powercut faults scale engines ecosystem wine hosts hosts-packages bench stress soak pgo fuzz cross packages shipped sign packages-check clean

build:
	$(BUILD) $(SMALL) -o bin/ ./cmd/argus-endpoint
	$(BUILD) -o bin/ ./cmd/argus-collector

# argus-endpoint alone, as it is shipped, into the file OUT.
endpoint:
	$(BUILD) $(SMALL) -o $(OUT) ./cmd/argus-endpoint

run: build
	@internal/demo/run.sh

test: deps format vet staticcheck cross-vet unit judges budgets
	@cat bin/left-out 2>/dev/null || true

deps:
	@.ci/deps

format:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt -w these: $$unformatted"; exit 1; }

vet:
	go vet ./...
	@mkdir -p bin; test -z "$$(go fix -diff ./... 2>&1 | tee bin/gofix)" || { cat bin/gofix; echo "run: go fix ./..."; exit 1; }

staticcheck:
	go tool -modfile=tools.mod staticcheck ./...

# Other platforms: every package and every test is compiled, nothing is linked.
cross-vet:
	@for t in $(VET); do echo "go vet $$t"; GOOS=$${t%/*} GOARCH=$${t#*/} go vet ./... || exit 1; done

# The race detector needs cgo and a C compiler: for the tests only. Allocations and memory are judged below, without it.
unit:
	CGO_ENABLED=1 go test -race -count=1 -timeout 9m -skip 'Alloc|Budget' $$(go list ./... | grep -v /internal/judge$$)

# One goroutine each and millions of packets: without the race detector. Their lines say how much agrees, and why the rest does not.
judges:
	@mkdir -p bin; go test -count=1 -v ./internal/judge >bin/judges.log || { grep -v '^=== \|--- PASS' bin/judges.log | cut -c1-400; exit 1; }
	@sed -n 's/^ *[a-z_]*_test.go:[0-9]*: judge: //p' bin/judges.log

# Allocations, memory, binary sizes: without the race detector, which would count its own.
budgets:
	go test -count=1 -run 'Alloc|Budget' $$(go list ./... | grep -v /internal/judge$$)

stress: deps
	@.ci/stress

# All platforms: every package and test is compiled, and the size of argus-endpoint is under its limit.
platforms:
	@$(MAKE) -s cross-vet VET="$(TARGETS)"
	PLATFORMS=all go test -count=1 -v -run BinarySize ./cmd/argus-endpoint

demo-check: build
	@internal/demo/check.sh

# Both sites of internal/chaos, or, with MUTANTS, sites with a defect each that must be noticed.
chaos:
	ENDTOEND=1 go test -count=1 -v -timeout 60m $(if $(MUTANTS),-run Mutants) ./internal/chaos

# On disks whose pictures are taken under load, each with the known defects after it; and on a disk in memory that forgets and reorders.
powercut:
	LIVES=$${LIVES:-4000} go test -count=1 -v -run PowerCuts ./uplink/spool
	ENDTOEND=1 go test -count=1 -v -timeout 60m ./internal/powercut

faults:
	ENDTOEND=1 go test -count=1 -v -timeout 60m ./internal/faults

# The collector with the engines around it. What no package of Debian brings comes into bin/tools.
engines: bin/tools/nats-server bin/tools/versitygw bin/tools/duckdb/node_modules
	ENDTOEND=1 go test -count=1 -v -timeout 20m ./internal/engines

# Debian's argus-client and argus-server beside our programs: the closing lines are the table of docs/ecosystem.md.
ecosystem:
	ENDTOEND=1 go test -count=1 -v -timeout 20m ./internal/ecosystem

wine:
	@.ci/deps wine packages
	ENDTOEND=1 go test -count=1 -v -timeout 20m ./internal/wine

# Of two versions, as every release has one before it. bin/_hosts/root is made once.
hosts: build bin/tools/nats-server
	@.ci/deps hosts wine
	@internal/hosts/root.sh
	@for v in 1.0.0 1.1.0; do $(MAKE) -s hosts-packages VERSION=$$v || exit 1; done
	ENDTOEND=1 go test -count=1 -v -parallel 8 -timeout 20m ./internal/hosts

hosts-packages:
	@mkdir -p bin/_hosts/programs/linux-amd64
	$(BUILD) $(SMALL) -o bin/_hosts/programs/linux-amd64/ ./cmd/argus-endpoint
	$(BUILD) -o bin/_hosts/programs/linux-amd64/ ./cmd/argus-collector
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) go run ./cmd/argus-pack build --version $(VERSION) --only deb,rpm --arch amd64 --programs bin/_hosts/programs --out bin/_hosts/$(VERSION)

bin/tools/duckdb/node_modules:
	npm install --no-audit --no-fund --prefix bin/tools/duckdb @duckdb/node-api@1.5.6-r.1

bin/tools/nats-server:
	go build -o $@ github.com/nats-io/nats-server/v2

bin/tools/versitygw:
	GOBIN=$(CURDIR)/bin/tools go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

scale:
	ENDTOEND=1 go test -count=1 -v -timeout 60m ./internal/scale

bench: build
	go run ./internal/bench
	go test -run '^$$' -bench 'Store|Queries' -benchtime 3x ./collector/store

soak:
	MUTATOR_FRAMES=100000000 MUTATOR_SEED=$${SEED:-2} go test -count=1 -v -timeout 60m -run Mutator ./internal/judge

# The profile of both traces of the benchmark, file to encoded records.
pgo:
	@mkdir -p bin
	go test -run '^$$' -bench Pipeline -benchtime 20s -cpuprofile bin/pgo.pprof -o bin/bench.test ./internal/bench
	go tool pprof -proto bin/pgo.pprof >cmd/argus-endpoint/default.pgo

fuzz:
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/{f[n++]=$$1} /^ok/{for(i=0;i<n;i++) print $$2, f[i]; n=0}' | \
	while read -r pkg target; do echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 200x "$$pkg" || exit 1; done

cross:
	@for t in $(TARGETS); do d=bin/$${t%/*}-$${t#*/}; mkdir -p $$d; export GOOS=$${t%/*} GOARCH=$${t#*/}; \
		$(BUILD) $(SMALL) -o $$d/ ./cmd/argus-endpoint && $(BUILD) -o $$d/ ./cmd/argus-collector || exit 1; ls -l $$d | tail -n +2; done

# The programs for all systems, then every package of them (ONLY=deb,rpm: some), into DIST. They are the same wherever and whenever they
# are made; VERSION is of the latest tag unless it is given.
DIST ?= dist
packages:
	@.ci/deps packages
	@v=$$(go run ./cmd/argus-pack version $(if $(filter file,$(origin VERSION)),,$(VERSION))) && $(MAKE) -s shipped VERSION=$$v ARCH=$(ARCH) && \
		SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} go run ./cmd/argus-pack build --version $$v --out $(DIST) \
		$(if $(ONLY),--only $(ONLY)) $(if $(ARCH),--arch $(ARCH)) $(if $(CERT),--cert $(CERT) --key $(KEY)) && ls -l $(DIST)

# The same, with what is for Windows signed: CERT and KEY are PEM files.
sign:
	@test -n "$(CERT)" -a -n "$(KEY)" || { echo "make sign CERT=code.pem KEY=code.key (ARGUS_TIMESTAMP=URL of a timestamp service)"; exit 2; }
	@$(MAKE) -s packages CERT=$(CERT) KEY=$(KEY) $(if $(filter file,$(origin VERSION)),,VERSION=$(VERSION))

comma   = ,
# With ARCH also the programs of this machine, which write the completion.
HERE    = $(shell go env GOHOSTOS)/$(shell go env GOHOSTARCH)
SHIPPED = $(if $(ARCH),$(sort $(HERE) $(filter $(addprefix %/,$(subst $(comma), ,$(ARCH))),$(TARGETS))),$(TARGETS))
shipped:
	@for t in $(SHIPPED); do d=bin/$${t%/*}-$${t#*/}; mkdir -p $$d; export GOOS=$${t%/*} GOARCH=$${t#*/}; \
		$(BUILD) $(SMALL) -o $$d/ ./cmd/argus-endpoint || exit 1; \
		case $$t in linux/a*64) $(BUILD) -o $$d/ ./cmd/argus-collector || exit 1; esac; done

# Every package is unpacked and looked at, and made a second time elsewhere.
packages-check: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
packages-check:
	@$(MAKE) -s packages VERSION=1.2.3 DIST=bin/packages/dist
	ENDTOEND=1 go test -count=1 -v -timeout 20m ./cmd/argus-pack ./internal/packages

clean:
	rm -rf bin run dist
