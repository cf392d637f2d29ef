package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/gofrs/uuid/v5"
)

// sbom writes what every program is made of, as CycloneDX has it: modules, versions, licences, and who is linked with what.
func (r *release) sbom(programs []program) error {
	b := cdx.NewBOM()
	root := "argus-endpoint@" + r.version.String()
	b.SerialNumber = "urn:uuid:" + uuid.NewV5(uuid.NamespaceURL, homepage+"/"+r.version.String()+"/"+r.date.Format(time.RFC3339)).String()
	b.Metadata = &cdx.Metadata{
		Timestamp: r.date.Format(time.RFC3339),
		Component: &cdx.Component{BOMRef: root, Type: cdx.ComponentTypeApplication, Name: "argus-endpoint", Version: r.version.String(), Licenses: spdx("Apache-2.0"),
			ExternalReferences: &[]cdx.ExternalReference{{URL: homepage, Type: cdx.ERTypeVCS}}},
	}
	var names []string
	for _, p := range programs {
		names = append(names, p.name())
	}
	components, links := []cdx.Component{}, []cdx.Dependency{{Ref: root, Dependencies: &names}}
	for _, p := range programs {
		component, needs, err := r.componentOf(p)
		if err != nil {
			return err
		}
		components, links = append(components, component), append(links, needs)
	}
	for _, m := range r.modules {
		components = append(components, cdx.Component{BOMRef: m.purl(), Type: cdx.ComponentTypeLibrary, Name: m.path, Version: m.version, PackageURL: m.purl(), Licenses: spdx(m.licence)})
	}
	b.Components, b.Dependencies = &components, &links
	var text bytes.Buffer
	if err := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).Encode(b); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, fmt.Sprintf("argus-endpoint-%s-sbom.cdx.json", r.version)), text.Bytes(), 0o644)
}

// componentOf is a program in the bill, and the modules that it is linked with.
func (r *release) componentOf(p program) (c cdx.Component, needs cdx.Dependency, err error) {
	data, err := os.ReadFile(p.file)
	if err != nil {
		return c, needs, err
	}
	var modules []string
	for _, m := range r.linked(p) {
		modules = append(modules, m.purl())
	}
	c = cdx.Component{BOMRef: p.name(), Type: cdx.ComponentTypeApplication, Name: p.name(), Version: r.version.String(),
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sha256.Sum256(data))}}, Licenses: spdx("Apache-2.0")}
	return c, cdx.Dependency{Ref: p.name(), Dependencies: &modules}, nil
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
