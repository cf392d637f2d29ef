{{template "functions" .}}
if [ "$1" = remove ] && systemd_runs; then
	deb-systemd-invoke stop "$unit" >/dev/null || true
fi
