package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/gofrs/uuid/v5"
)

// sbom writes what every program is made of, as CycloneDX has it: modules, versions, licences, and who is linked with what.
func (r *release) sbom(programs []program) error {
	b := cdx.NewBOM()
	root := "argus-endpoint@" + r.version.String()
	b.Metadata = &cdx.Metadata{
		Timestamp: r.date.Format(time.RFC3339),
		Component: &cdx.Component{BOMRef: root, Type: cdx.ComponentTypeApplication, Name: "argus-endpoint", Version: r.version.String(), Licenses: spdx("Apache-2.0"),
			ExternalReferences: &[]cdx.ExternalReference{{URL: homepage, Type: cdx.ERTypeVCS}}},
	}
	var components []cdx.Component
	var refs []string
	var links []cdx.Dependency
	for _, p := range programs {
		data, err := os.ReadFile(p.file)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		components = append(components, cdx.Component{BOMRef: p.name(), Type: cdx.ComponentTypeApplication, Name: p.name(), Version: r.version.String(),
			Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}}, Licenses: spdx("Apache-2.0")})
		refs = append(refs, p.name())
		var needs []string
		for _, m := range r.linked(p) {
			needs = append(needs, m.purl())
		}
		links = append(links, cdx.Dependency{Ref: p.name(), Dependencies: &needs})
	}
	for _, m := range r.modules {
		components = append(components, cdx.Component{BOMRef: m.purl(), Type: cdx.ComponentTypeLibrary, Name: m.path, Version: m.version, PackageURL: m.purl(), Licenses: spdx(m.licence)})
	}
	links = append(slices.Clip([]cdx.Dependency{{Ref: root, Dependencies: &refs}}), links...)
	b.Components, b.Dependencies = &components, &links
	b.SerialNumber = "urn:uuid:" + uuid.NewV5(uuid.NamespaceURL, homepage+"/"+r.version.String()+"/"+r.date.Format(time.RFC3339)).String()
	f, err := os.Create(filepath.Join(r.out, fmt.Sprintf("argus-endpoint-%s-sbom.cdx.json", r.version)))
	if err != nil {
		return err
	}
	if err := cdx.NewBOMEncoder(f, cdx.BOMFileFormatJSON).SetPretty(true).Encode(b); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// purl is the module's package URL.
func (m *module) purl() string {
	version := m.version
	if m.path != "std" {
		return "pkg:golang/" + strings.ToLower(m.path) + "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	return "pkg:golang/std@" + version
}

// spdx is a licence, or an expression of several.
func spdx(expression string) *cdx.Licenses {
	if strings.Contains(expression, " ") {
		return &cdx.Licenses{{Expression: expression}}
	}
	return &cdx.Licenses{{License: &cdx.License{ID: expression}}}
}
