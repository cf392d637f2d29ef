{{template "functions" .}}
case $1 in
configure)
	add_user
	{{if .Endpoint}}place_token{{end}}
	;;
abort-upgrade | abort-remove | abort-deconfigure) ;;
*)
	echo "postinst called with unknown argument \`$1'" >&2
	exit 1
	;;
esac
unset ARGUS_TOKEN

# As dh_installsystemd has it, what an administrator has disabled or masked stays so; and what one has stopped, through an upgrade.
action=try-restart
if [ -z "$2" ] || [ -e "/var/lib/systemd/deb-systemd-helper-masked/$unit" ]; then # the first of this package, or the first since its removal
	action=start
fi
deb-systemd-helper unmask "$unit" >/dev/null || true
if deb-systemd-helper --quiet was-enabled "$unit"; then
	deb-systemd-helper enable "$unit" >/dev/null || true
else
	deb-systemd-helper update-state "$unit" >/dev/null || true
fi
if systemd_runs; then
	systemctl --system daemon-reload >/dev/null || true
	deb-systemd-invoke "$action" "$unit" >/dev/null || true
fi
