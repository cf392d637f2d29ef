{{template "functions" .}}
case $1 in
remove)
	rm -rf "/run/$name"
	if command -v deb-systemd-helper >/dev/null; then deb-systemd-helper mask "$unit" >/dev/null || true; fi
	;;
purge)
	if command -v deb-systemd-helper >/dev/null; then
		deb-systemd-helper purge "$unit" >/dev/null || true
		deb-systemd-helper unmask "$unit" >/dev/null || true
	fi
	rm -rf "/var/lib/$name" "/etc/$name" "/run/$name"
	if getent passwd "$name" >/dev/null && command -v userdel >/dev/null; then userdel "$name" || true; fi
	if getent group "$name" >/dev/null && command -v groupdel >/dev/null; then groupdel "$name" || true; fi
	;;
esac
if systemd_runs; then
	systemctl --system daemon-reload >/dev/null || true
	systemctl --system reset-failed "$unit" >/dev/null 2>&1 || true
fi
