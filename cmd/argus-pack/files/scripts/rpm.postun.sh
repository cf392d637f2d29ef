{{template "functions" .}}
if [ "$1" = 0 ]; then
	rm -rf "/run/$name"
	if systemd_runs; then
		systemctl daemon-reload || true
		systemctl reset-failed "$unit" >/dev/null 2>&1 || true
	fi
fi
