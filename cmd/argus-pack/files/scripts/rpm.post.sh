{{template "functions" .}}
{{if .Endpoint}}place_token{{end}}
unset ARGUS_TOKEN
command -v systemctl >/dev/null 2>&1 || exit 0
if systemd_runs; then systemctl daemon-reload || true; fi
if [ "$1" = 1 ]; then # the first of this package; else an upgrade, at which what an administrator has disabled stays so
	systemctl --no-reload enable "$unit" >/dev/null 2>&1 || true
	if systemd_runs; then systemctl start "$unit" || true; fi
elif systemd_runs; then
	systemctl try-restart "$unit" || true
fi
