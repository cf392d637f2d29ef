package packages

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestJamfProfile: the profile has what Apple's schema of each payload requires, and its rule is of the service that the package installs.
func TestJamfProfile(t *testing.T) {
	var profile struct {
		PayloadType, PayloadIdentifier, PayloadUUID, PayloadScope string
		PayloadVersion                                            int
		PayloadContent                                            []struct {
			PayloadType, PayloadIdentifier, PayloadUUID string
			PayloadVersion                              int
			Rules                                       []struct{ RuleType, RuleValue string }
		}
	}
	var service struct{ Label string }
	for file, into := range map[string]any{
		"../../deploy/jamf/argus-endpoint.mobileconfig":        &profile,
		"../../installer/files/org.argus-endpoint.agent.plist": &service,
	} {
		const script = "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))"
		out, err := exec.Command("python3", "-c", script, file).Output()
		if err == nil {
			err = json.Unmarshal(out, into)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	if profile.PayloadType != "Configuration" || profile.PayloadScope != "System" || profile.PayloadVersion != 1 || profile.PayloadIdentifier == "" ||
		len(profile.PayloadContent) != 1 {
		t.Fatalf("%+v", profile)
	}
	c := profile.PayloadContent[0]
	if c.PayloadType != "com.apple.servicemanagement" || c.PayloadVersion != 1 || c.PayloadIdentifier == "" || c.PayloadUUID == profile.PayloadUUID {
		t.Errorf("%+v", c)
	}
	if len(c.Rules) != 1 || c.Rules[0].RuleType != "Label" || c.Rules[0].RuleValue != service.Label || service.Label == "" {
		t.Errorf("the rule is %+v, the service's label %q", c.Rules, service.Label)
	}
}

// TestJamfToken: the script leaves a token that root alone reads, and takes nothing else for one.
func TestJamfToken(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "argus-endpoint")
	file := filepath.Join(folder, "token")
	give := func(token string) error {
		cmd := exec.Command("sh", "../../deploy/jamf/token.sh", "/", "mac", "user", token)
		cmd.Env = append(os.Environ(), "ARGUS_FOLDER="+folder)
		return cmd.Run()
	}
	for _, bad := range []string{"", "argus1", "argus1.", "secret", "argus1.a b", `argus1.a"b`, "argus1.a\nb", "argus1.$(id)"} {
		if give(bad) == nil {
			t.Errorf("%q is taken for a token", bad)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a token file without a token")
	}
	for _, good := range []string{"argus1.AAAA_b-9", "argus1.another"} {
		if err := give(good); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		info, _ := os.Stat(file)
		dir, _ := os.Stat(folder)
		if err != nil || strings.TrimSpace(string(b)) != good || info.Mode().Perm() != 0o600 || dir.Mode().Perm() != 0o700 {
			t.Errorf("token file %q %v in %v: %v", b, info, dir, err)
		}
	}
}
