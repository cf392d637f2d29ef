{{template "functions" .}}
if command -v rc-update >/dev/null 2>&1; then
	if [ -e /run/openrc/softlevel ]; then rc-service --ifstarted "$name" stop || true; fi
	rc-update delete "$name" default >/dev/null 2>&1 || true
fi
