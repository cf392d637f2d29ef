package installer

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// TestPlist reads the plist as launchd would: keys and values of the types that launchd.plist(5) gives them.
func TestPlist(t *testing.T) {
	got := map[string]string{}
	d := xml.NewDecoder(strings.NewReader(plist(t)))
	d.Strict = true
	var path []string
	var key, text string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			path, text = append(path, e.Name.Local), ""
			if n := e.Name.Local; n == "dict" && len(path) > 2 {
				key += "/"
			}
		case xml.CharData:
			text += string(e)
		case xml.EndElement:
			path = path[:len(path)-1]
			switch e.Name.Local {
			case "key":
				parent, _, inner := strings.Cut(key, "/")
				if key = text; inner && len(path) > 2 {
					key = parent + "/" + text
				}
			case "string", "integer", "true", "false":
				got[key] += e.Name.Local + ":" + strings.TrimSpace(text) + ";"
			}
		}
	}
	want := map[string]string{
		"Label": "string:" + label + ";", "ProgramArguments": "string:/usr/local/bin/argus-endpoint;string:run;", "RunAtLoad": "true:;",
		"KeepAlive": "true:;", "ThrottleInterval": "integer:2;", "ExitTimeOut": "integer:10;", "ProcessType": "string:Background;",
		"Umask": "integer:63;", "WorkingDirectory": "string:/;", "SoftResourceLimits/Core": "integer:0;", "SoftResourceLimits/NumberOfFiles": "integer:4096;",
		"HardResourceLimits/Core": "integer:0;", "HardResourceLimits/NumberOfFiles": "integer:4096;",
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is %q, want %q", k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("keys: %q", got)
	}
}

// TestPostinstall runs the script of the pkg as the Installer does: $3 is the volume.
func TestPostinstall(t *testing.T) {
	dir := t.TempDir()
	script, err := os.ReadFile("files/pkg/postinstall")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(script), "/usr/local/bin/argus-endpoint", "echo")
	if text == string(script) {
		t.Fatal("the script does not call the program")
	}
	if err := os.WriteFile(dir+"/postinstall", []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(volume string) string {
		out, err := output(t.Context(), dir+"/postinstall", "/tmp/x.pkg", "/", volume)
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(out)
	}
	if got := run("/"); got != "install --packaged" {
		t.Errorf("without a token: %q", got)
	}
	if err := os.WriteFile(dir+"/token", []byte("argus1.x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run("/"); got != "install --packaged --token-file "+dir+"/token" {
		t.Errorf("with a token: %q", got)
	}
	if got := run("/Volumes/Other"); got != "" {
		t.Errorf("on a volume that does not run: %q", got)
	}
}
