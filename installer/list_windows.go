package installer

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows/registry"
)

const (
	uninstallKey = `SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\` + name // the list of apps
	packageKey   = `SOFTWARE\` + displayName                                     // a package says there that it owns the program
)

// list puts the program on the list of apps, from where it can be removed.
func list(program, version string) error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, uninstallKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("put it on the list of apps: %w", err)
	}
	defer k.Close()
	remove := `"` + program + `" uninstall`
	for _, v := range [][2]string{
		{"DisplayName", displayName}, {"DisplayVersion", version}, {"Publisher", displayName}, {"DisplayIcon", program},
		{"InstallLocation", filepath.Dir(program)}, {"UninstallString", remove}, {"QuietUninstallString", remove},
	} {
		err = errors.Join(err, k.SetStringValue(v[0], v[1]))
	}
	err = errors.Join(err, k.SetDWordValue("NoModify", 1), k.SetDWordValue("NoRepair", 1))
	if err != nil {
		return fmt.Errorf("put it on the list of apps: %w", err)
	}
	return nil
}

func unlist() { _ = registry.DeleteKey(registry.LOCAL_MACHINE, uninstallKey) }

// packageName returns what kind of package has installed the program, "" for none.
func packageName() string {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, packageKey, registry.QUERY_VALUE)
	if err != nil {
		return ""
	}
	defer k.Close()
	text, _, _ := k.GetStringValue("Package")
	return text
}
