package installer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

const (
	uninstallKey = `SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\` + name // the list of apps
	packageKey   = `SOFTWARE\` + displayName                                     // a package says there that it owns the program
)

// list puts the program on the list of apps, from where it can be removed: the list asks for no rights by itself.
func list(program, version string) error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, uninstallKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("put it on the list of apps: %w", err)
	}
	defer k.Close()
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return fmt.Errorf("put it on the list of apps: %w", err)
	}
	remove := `"` + program + `" uninstall`
	asAdministrator := `"` + system + `\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -Command "Start-Process -Verb RunAs '` + program + `' uninstall"`
	for _, v := range [][2]string{
		{"DisplayName", displayName}, {"DisplayVersion", version}, {"Publisher", displayName}, {"DisplayIcon", program},
		{"InstallLocation", filepath.Dir(program)}, {"UninstallString", asAdministrator}, {"QuietUninstallString", remove},
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
func packageName() string { return textOf(packageKey, "Package") }

// versionOf returns what the package, or install, has noted of the program.
func versionOf(context.Context, string) (string, error) {
	for _, place := range [][2]string{{packageKey, "Version"}, {uninstallKey, "DisplayVersion"}} {
		if version := textOf(place[0], place[1]); version != "" {
			return version, nil
		}
	}
	return "", errors.New("nobody has noted the version of what is installed")
}

// textOf returns a value of the registry, "" when there is none.
func textOf(key, value string) string {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
	if err != nil {
		return ""
	}
	defer k.Close()
	text, _, _ := k.GetStringValue(value)
	return text
}
