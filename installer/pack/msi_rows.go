package pack

import "fmt"

// Types of custom actions (Windows Installer, "Summary List of All Custom Action Types" and "Custom Action In-Script Execution Options").
const (
	setProperty   = 51
	runInstalled  = 18     // a program that the package installs
	ignoreResult  = 0x0040 // msidbCustomActionTypeContinue
	inScript      = 0x0400 // deferred: with the rights of the installation
	asSystem      = 0x0800 // msidbCustomActionTypeNoImpersonate
	hiddenCommand = 0x2000 // not in the log
)

// action is a custom action and its place in InstallExecuteSequence.
type action struct {
	name           string
	kind           int
	source, target string
	condition      string
	sequence       int
}

// What only the program itself can do well: access rights of its folders, the token file, what services have beside their tables.
// Stop waits for the process: Windows Installer only for the service, and would ask for a restart of the system then.
// Settings is empty whenever the product is installed already: an ordinary user may start a repair, and with properties of theirs.
var actions = []action{
	{"UseBakedToken", setProperty, "TOKEN", "[BAKEDTOKEN]", `NOT Installed AND NOT TOKEN AND BAKEDTOKEN << "argus"`, 1510},
	{"PassSettings", setProperty, "Settings", `--token "[TOKEN]" --collector "[COLLECTOR]"`, `NOT Installed`, 1520},
	{"Stop", runInstalled | ignoreResult | inScript | asSystem, "Program", "uninstall --packaged", `Installed`, 1890},
	{"Purge", runInstalled | ignoreResult | inScript | asSystem, "Program", "uninstall --packaged --purge", `REMOVE="ALL" AND PURGE AND NOT UPGRADINGPRODUCTCODE`, 3400},
	{"Configure", runInstalled | inScript | asSystem | hiddenCommand, "Program", "install --packaged [Settings]", `NOT REMOVE`, 5850},
}

// Attributes of the Upgrade table: the older version's features are taken over, and one of the same number is older, too.
const (
	migrateFeatures  = 0x001
	includingMinimum = 0x100
	includingMaximum = 0x200
)

// rows are the statements, in Windows Installer's SQL, of what wixl 0.101 leaves out or writes wrongly.
func (m MSI) rows(productVersion string) []string {
	var all []string
	for _, a := range actions {
		all = append(all,
			fmt.Sprintf("INSERT INTO CustomAction (Action, Type, Source, Target) VALUES ('%s', %d, '%s', '%s')", a.name, a.kind, a.source, a.target),
			fmt.Sprintf("INSERT INTO InstallExecuteSequence (Action, Condition, Sequence) VALUES ('%s', '%s', %d)", a.name, a.condition, a.sequence))
	}
	return append(all,
		fmt.Sprintf("INSERT INTO Upgrade (UpgradeCode, VersionMin, VersionMax, Attributes, ActionProperty) VALUES ('{%s}', '0.0.0', '%s', %d, 'OLDER')",
			upgradeCode, productVersion, migrateFeatures|includingMinimum|includingMaximum),
		// A property that only an elevated caller may set: without its name here Windows Installer would drop it.
		"UPDATE Property SET Value='TOKEN;COLLECTOR;PURGE;OLDER;NEWER;WINDOWSMAJOR' WHERE Property='SecureCustomProperties'",
		"UPDATE ServiceInstall SET ErrorControl=32769", // normal; a service that cannot be made is an error of the installation
		// "#%": a value with environment variables. The message file is Windows' own, whose every message is the text it is given.
		"INSERT INTO `Registry` (`Registry`, `Root`, `Key`, `Name`, `Value`, `Component_`) VALUES ('EventMessages', 2, "+
			`'SYSTEM\CurrentControlSet\Services\EventLog\Application\argus-endpoint', 'EventMessageFile', '#%%SystemRoot%\System32\EventCreate.exe', 'Program')`)
}
