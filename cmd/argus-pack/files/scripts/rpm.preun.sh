{{template "functions" .}}
if [ "$1" = 0 ] && command -v systemctl >/dev/null 2>&1; then # the last of this package
	systemctl --no-reload disable "$unit" >/dev/null 2>&1 || true
	if systemd_runs; then systemctl stop "$unit" || true; fi
fi
