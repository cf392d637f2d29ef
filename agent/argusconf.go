package agent

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// variable is a setting of the Argus sensor's argus.conf(5), version 3 or 5, that is no flag of ours by its name.
type variable struct {
	name string // without ARGUS_
	fits string // values by which it asks for what is done anyway: yes, no or others in lower case; "*" for all
	why  string // why another value has no effect
	five bool   // Argus 3 does not have it
	both bool   // a flag of ours too: it does not tell that the file is one of Argus 5
	list bool   // of several all count, else the last one

	// to turns it into our settings. It returns why some of it has no effect, "" when all has one.
	to func(t *translation, s *cli.Setting) (why string)
}

// translation is what becomes of the settings of an argus.conf.
type translation struct {
	settings []cli.Setting
	ignored  []string // what has no effect: setting, line and reason

	five bool           // the file is one of Argus 5, whose readers know records of version 5; all know version 3
	port *cli.Setting   // ARGUS_ACCESS_PORT
	bind []string       // ARGUS_BIND_IP
	push []*cli.Setting // ARGUS_OUTPUT_STREAM, the value being the URI alone
	file []*cli.Setting // ARGUS_OUTPUT_FILE
	sasl string         // the setting that asks for SASL
}

// argusConf returns what turns the settings of an argus.conf into ours. What does not apply here goes to warn, all of it in one message.
func argusConf(warn func(message string)) func([]cli.Setting) ([]cli.Setting, error) {
	return func(file []cli.Setting) ([]cli.Setting, error) {
		t := &translation{}
		for i := range file {
			t.take(&file[i], file[i+1:])
		}
		t.listen()
		t.stream()
		if len(t.ignored) > 0 {
			warn("what does not apply here of the settings of Argus (docs/argus-conf.md): " + strings.Join(t.ignored, "; "))
		}
		return t.settings, nil
	}
}

// take takes a setting, unless one of the later ones is there in its place. One without a value asks for nothing.
func (t *translation) take(s *cli.Setting, later []cli.Setting) {
	name := argusName(s)
	for i := range argusVariables {
		v := &argusVariables[i]
		if v.name != name {
			continue
		}
		if s.Value == "" || !v.list && slices.ContainsFunc(later, func(l cli.Setting) bool { return argusName(&l) == name }) {
			return
		}
		t.five = t.five || v.five && !v.both
		value := meaning(s.Value)
		for fit := range strings.FieldsSeq(v.fits) {
			if fit == value || fit == "*" {
				return
			}
		}
		why := v.why
		if v.to != nil {
			why = v.to(t, s)
		}
		t.ignore(s, why)
		return
	}
	if name == "CONFIG" {
		t.ignore(s, "a file cannot name another one")
		return
	}
	t.settings = append(t.settings, *s)
}

// argusName returns the name of a setting as argusVariables has it.
func argusName(s *cli.Setting) string { return strings.TrimPrefix(strings.ToUpper(s.Name), "ARGUS_") }

func (t *translation) ignore(s *cli.Setting, why string) {
	if why != "" {
		t.ignored = append(t.ignored, fmt.Sprintf("%s %s=%s: %s", s.Place, s.Name, clip(s.Value, longName), why))
	}
}

// set makes s a setting of ours.
func (t *translation) set(s *cli.Setting, name, value string) {
	t.settings = append(t.settings, cli.Setting{Name: name, Value: value, Place: s.Place})
}

// meaning returns yes or no for what means that, else the value in lower case.
func meaning(value string) string {
	switch value = strings.ToLower(strings.TrimSpace(value)); value {
	case "yes", "true", "1", "on":
		return "yes"
	case "no", "false", "0", "off", "":
		return "no"
	}
	return value
}

// listen opens the port of ARGUS_ACCESS_PORT, on all addresses unless ARGUS_BIND_IP names some, as Argus does. It is not opened without the
// protection that ARGUS_MIN_SSF asks for.
func (t *translation) listen() {
	if t.port == nil {
		return
	}
	port, err := strconv.ParseUint(strings.TrimSpace(t.port.Value), 10, 16)
	switch {
	case err != nil:
		t.ignore(t.port, "not the number of a port")
		return
	case port == 0:
		return
	case t.sasl != "":
		t.ignore(t.port, "not opened, because "+t.sasl+" asks for SASL, which this agent does not speak")
		return
	}
	flag := "feed-v3"
	if t.five {
		flag = "feed"
	}
	if len(t.bind) == 0 {
		t.bind = []string{"*"}
	}
	for _, address := range t.bind {
		t.set(t.port, flag, net.JoinHostPort(address, strconv.FormatUint(port, 10)))
	}
}

// stream pushes to the streams of ARGUS_OUTPUT_STREAM, and writes the files of ARGUS_OUTPUT_FILE.
func (t *translation) stream() {
	flag := "append-v3"
	if t.five {
		flag = "append"
	}
	for _, s := range t.file {
		t.set(s, flag, s.Value)
	}
	for _, s := range t.push {
		uri := s.Value
		if !t.five && !strings.Contains(uri, "?") {
			uri += "?version=3"
		}
		t.set(s, "push", uri)
	}
}

// keep takes a setting that is ours as it is.
func keep(t *translation, s *cli.Setting) string {
	t.settings = append(t.settings, *s)
	return ""
}

// takeID keeps the quotes that make a string of ARGUS_MONITOR_ID.
func takeID(t *translation, s *cli.Setting) string {
	value := s.Value
	_, err := uuid.FromString(value)
	t.five = t.five || err == nil || strings.HasPrefix(value, hostUUID) || strings.Contains(value, "/") && !s.Quoted
	if s.Quoted && !strings.HasPrefix(value, "`") {
		value = `"` + value + `"`
	}
	t.set(s, "monitor-id", value)
	return ""
}

// takeStream reads ARGUS_OUTPUT_STREAM, a URI and a filter.
func takeStream(t *translation, s *cli.Setting) string {
	uri, filter := outputAndFilter(s.Value)
	if !strings.HasPrefix(uri, "argus-udp://") {
		return "records are pushed to argus-udp://host:port"
	}
	if filter != "" {
		return "nothing is pushed, because a stream cannot have a filter of its own: leave it out, or let the receiver filter"
	}
	stream := *s
	stream.Value = uri
	t.push = append(t.push, &stream)
	return ""
}

// takeFile reads ARGUS_OUTPUT_FILE, a path and a filter.
func takeFile(t *translation, s *cli.Setting) string {
	path, filter := outputAndFilter(s.Value)
	switch {
	case filter != "":
		return "nothing is written, because a file cannot have a filter of its own: leave it out, or read the file with one"
	case !filepath.IsAbs(path) || strings.Contains(path, ","):
		return "want the full name of a file, without commas"
	}
	file := *s
	file.Value = path
	t.file = append(t.file, &file)
	return ""
}

// outputAndFilter splits the value of an output from the filter behind it, which may stand in quotes.
func outputAndFilter(value string) (output, filter string) {
	output, filter, _ = strings.Cut(strings.TrimSpace(value), " ")
	return output, strings.Trim(strings.TrimSpace(filter), `"' `)
}

// takeDebug reads ARGUS_DEBUG_LEVEL, where 0 is not to debug.
func takeDebug(t *translation, s *cli.Setting) string {
	t.set(s, "log-level", "debug")
	return ""
}

// takePriority reads ARGUS_LOG_DISPLAY_PRIORITY, a level of syslog (RFC 5424 section 6.2.1).
func takePriority(t *translation, s *cli.Setting) string {
	levels := [...]string{"error", "error", "error", "error", "warn", "info", "info", "debug"}
	n, err := strconv.Atoi(s.Value)
	if err != nil || n < 0 || n >= len(levels) {
		return "want a number from 0 to 7"
	}
	t.set(s, "log-level", levels[n])
	return ""
}

// takeSSF reads ARGUS_MIN_SSF and ARGUS_MAX_SSF.
func takeSSF(t *translation, s *cli.Setting) string {
	if strings.HasSuffix(strings.ToUpper(s.Name), "MIN_SSF") {
		t.sasl = "ARGUS_MIN_SSF"
	}
	return "there is no SASL; records go to the collector over TLS"
}

// takeLength reads ARGUS_CAPTURE_DATA_LEN, which has no bound in Argus.
func takeLength(t *translation, s *cli.Setting) string {
	if n, err := strconv.Atoi(s.Value); err == nil && n > maxUserData {
		t.set(s, "capture-data-len", strconv.Itoa(maxUserData))
		return fmt.Sprintf("%d octets are kept", maxUserData)
	}
	return keep(t, s)
}

// takeStatus reads ARGUS_FLOW_STATUS_INTERVAL, which may be a microsecond in Argus.
func takeStatus(t *translation, s *cli.Setting) string {
	if n, err := strconv.ParseFloat(s.Value, 64); err == nil && n > 0 && n < minInterval.Seconds() {
		t.set(s, "flow-status-interval", minInterval.String())
		return "flows report every " + minInterval.String()
	}
	return keep(t, s)
}
