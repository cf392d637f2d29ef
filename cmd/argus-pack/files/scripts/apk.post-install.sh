{{template "functions" .}}
place_token
unset ARGUS_TOKEN
if command -v rc-update >/dev/null 2>&1; then
	rc-update add "$name" default >/dev/null || true
	if [ -e /run/openrc/softlevel ]; then rc-service "$name" start || true; fi
fi
