package pack

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"text/template"
)

// TokenScript is the name among the Scripts of a pkg under which BakePKG puts the token, for the script postinstall.
const TokenScript = "token"

// The members of a flat package: what the Installer asks of the system, and in a folder what one component installs.
const (
	distribution = "Distribution"
	packageInfo  = "PackageInfo"
	payload      = "Payload"
	scripts      = "Scripts"
	bom          = "Bom"
	component    = "component.pkg"
)

// macOS is the oldest version that programs of Go 1.26 run on.
const macOS = "12.0"

// The texts of Apple's Distribution Definition XML Schema Reference, and of PackageInfo as pkgbuild writes it. The script refuses to go
// back to an older version, by the numbers before a dash, for Apple does not say how other texts are compared; receiptForIdentifier and
// compareVersions are the Installer's (Installer JavaScript Reference).
var (
	distributionText = template.Must(template.New("").Parse(`<?xml version="1.0" encoding="utf-8"?>
<installer-gui-script minSpecVersion="2">
    <title>{{.Title}}</title>
    <options customize="never" require-scripts="false" rootVolumeOnly="true" hostArchitectures="arm64,x86_64"/>
    <domains enable_anywhere="false" enable_currentUserHome="false" enable_localSystem="true"/>
    <volume-check script="notOlder()">
        <allowed-os-versions>
            <os-version min="{{.MacOS}}"/>
        </allowed-os-versions>
    </volume-check>
    <script>
function notOlder() {
    var receipt = my.target.receiptForIdentifier('{{.Identifier}}');
    if (receipt &amp;&amp; system.compareVersions(receipt.version.split('-')[0], '{{.Numbers}}') &gt; 0) {
        my.result.type = 'Fatal';
        my.result.title = 'A newer version is installed';
        my.result.message = 'Version ' + receipt.version + ' is installed and this is {{.Version}}. Run "argus-endpoint uninstall" first: settings and records stay.';
        return false;
    }
    return true;
}
    </script>
    <product id="{{.Identifier}}" version="{{.Version}}"/>
    <pkg-ref id="{{.Identifier}}"/>
    <choices-outline>
        <line choice="default">
            <line choice="{{.Identifier}}"/>
        </line>
    </choices-outline>
    <choice id="default"/>
    <choice id="{{.Identifier}}" visible="false">
        <pkg-ref id="{{.Identifier}}"/>
    </choice>
    <pkg-ref id="{{.Identifier}}" version="{{.Version}}" onConclusion="none" installKBytes="{{.KBytes}}">#{{.Component}}</pkg-ref>
</installer-gui-script>
`))
	packageInfoText = template.Must(template.New("").Parse(`<?xml version="1.0" encoding="utf-8"?>
<pkg-info format-version="2" identifier="{{.Identifier}}" version="{{.Version}}" install-location="/" auth="root" overwrite-permissions="false" relocatable="false" postinstall-action="none">
    <payload numberOfFiles="{{.Files}}" installKBytes="{{.KBytes}}"/>
    <bundle-version/>
    <upgrade-bundle/>
    <update-bundle/>
    <atomic-update-bundle/>
    <strict-identifier/>
    <relocate/>{{if .Run}}
    <scripts>{{range .Run}}
        <{{.}} file="./{{.}}"/>{{end}}
    </scripts>{{end}}
</pkg-info>
`))
)

// text is what stands in these XML files and in the script: no quote or angle bracket gets in.
var (
	word  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+~_-]*$`)
	title = regexp.MustCompile(`^[A-Za-z0-9 .+~_-]+$`)
)

// PKG writes a flat package of macOS: a product archive of one component, as productbuild makes it, unsigned. Equal manifests make equal
// octets. Its programs must be universal (Universal), for that is what it says of itself.
func PKG(w io.Writer, m Manifest) error {
	files, err := m.tree()
	if err != nil {
		return err
	}
	if !word.MatchString(m.Identifier) || !word.MatchString(m.Version) || !title.MatchString(m.title()) {
		return fmt.Errorf("identifier %q, version %q, title %q: letters, digits and .+~_- only", m.Identifier, m.Version, m.title())
	}
	if m.Time.Unix() <= 0 || m.Time.Unix() > 1<<32-1 {
		return fmt.Errorf("the time of the package, %s, is not in the range of its formats", m.Time)
	}
	members, err := m.members(files)
	if err != nil {
		return err
	}
	return writeXAR(w, members, m.Time)
}

// members makes the parts of the package.
func (m *Manifest) members(files []File) ([]member, error) {
	size := 0
	for _, f := range files {
		size += (f.size() + 1023) / 1024
	}
	numbers, _, _ := strings.Cut(m.Version, "-")
	values := map[string]any{
		"Title": m.title(), "Identifier": m.Identifier, "Version": m.Version, "Numbers": numbers, "KBytes": size, "Files": len(files),
		"Component": component, "MacOS": macOS, "Run": m.run(),
	}
	var dist, info bytes.Buffer
	if err := cmp.Or(distributionText.Execute(&dist, values), packageInfoText.Execute(&info, values)); err != nil {
		return nil, err
	}
	content, err := writeCPIO(files, m.Time)
	if err != nil {
		return nil, err
	}
	list, err := writeBom(files, m.Time)
	if err != nil {
		return nil, err
	}
	all := []member{
		{path: distribution, data: dist.Bytes()},
		{path: component + "/" + bom, data: list},
		{path: component + "/" + packageInfo, data: info.Bytes()},
		{path: component + "/" + payload, data: content, packed: true},
	}
	if len(m.Scripts) == 0 {
		return all, nil
	}
	run, err := m.scripts()
	return append(all, member{path: component + "/" + scripts, data: run, packed: true}), err
}

// run returns the names of the scripts that the Installer runs.
func (m *Manifest) run() (names []string) {
	for _, name := range []string{"preinstall", "postinstall"} {
		if m.Scripts[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// scripts is the archive of the scripts. Only root may read a token, as long as the Installer works with it.
func (m *Manifest) scripts() ([]byte, error) {
	s := Manifest{}
	for name, data := range m.Scripts {
		if strings.Contains(name, "/") {
			return nil, fmt.Errorf("script %q: scripts lie beside each other", name)
		}
		mode := fs.FileMode(0o755)
		if name == TokenScript {
			mode = 0o600
		}
		s.Files = append(s.Files, File{Path: "/" + name, Mode: mode, Data: data})
	}
	files, err := s.tree()
	if err != nil {
		return nil, err
	}
	return writeCPIO(files, m.Time)
}
