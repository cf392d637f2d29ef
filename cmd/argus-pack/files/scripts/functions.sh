{{define "functions"}}#!/bin/sh
set -e
name={{.Name}}
unit=$name.service

# add_user makes the user and the group of the service, unless they are there.
add_user() {
	getent group "$name" >/dev/null || groupadd --system "$name"
	getent passwd "$name" >/dev/null ||
		useradd --system --gid "$name" --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --comment "{{.Summary}}" "$name"
}

# systemd_runs tells whether systemd is this system's first process: not so in a chroot, a container or the build of an image.
systemd_runs() { [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; }
{{if .Endpoint}}
# take_over removes what argus-endpoint install has made: its unit would go before ours. State, configuration and user stay.
take_over() {
	if grep -qs /usr/local/bin/argus-endpoint "/etc/systemd/system/$unit" && [ -x /usr/local/bin/argus-endpoint ]; then
		timeout 60 /usr/local/bin/argus-endpoint uninstall || echo "$name: /usr/local/bin/argus-endpoint is still there and goes first: run its uninstall" >&2
	fi
}

# place_token puts an enrolment token where the service finds it: ARGUS_TOKEN of the environment, else the one that
# argus-collector package put into this package, unless the file is newer. The token is in no command line and on no screen.
place_token() {
	token=/etc/$name/token
	given=/usr/share/$name/token
	if [ -n "$ARGUS_TOKEN" ]; then
		rm -f "$token.new"
		(umask 077 && printf '%s\n' "$ARGUS_TOKEN" >"$token.new")
	elif [ -f "$given" ] && ! [ "$token" -nt "$given" ]; then
		rm -f "$token.new"
		(umask 077 && cat "$given" >"$token.new")
	else
		return 0
	fi
	mv -f "$token.new" "$token"
}
{{end}}{{end}}
