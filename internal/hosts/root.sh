#!/bin/sh
# Makes the Debian that all hosts of internal/hosts share, into bin/_hosts/root; again when this file has changed.
set -eu
root=bin/_hosts/root
stamp=$(sha256sum <"$0")
if [ "$(cat $root/stamp 2>/dev/null)" = "$stamp" ]; then exit 0; fi
began=$(date +%s)
rm -rf --one-file-system $root
mkdir -p $root
fail() { tail -5 bin/_hosts/root.log; exit 1; }
inside() { chroot $root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@" >>bin/_hosts/root.log 2>&1 || fail; }
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,iproute2,procps,udev,kmod,ca-certificates bookworm $root \
	"${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >bin/_hosts/root.log 2>&1 || fail
# No disk is waited for, and no service started, while this is made.
echo force-unsafe-io >$root/etc/dpkg/dpkg.cfg.d/unsafe-io
printf '#!/bin/sh\nexit 101\n' >$root/usr/sbin/policy-rc.d
chmod +x $root/usr/sbin/policy-rc.d
# rpm: packages of the other family. The rest: what administrators roll out with.
inside apt-get install -q -y --no-install-recommends python3 curl python3-apt openssh-server sudo rpm puppet-agent cloud-init nftables
rm $root/usr/sbin/policy-rc.d
# Other ways to start a service, for the hosts that are to have one: downloaded, not installed.
mkdir $root/debs
inside sh -c 'cd /debs && apt-get -q download sysvinit-core initscripts sysv-rc startpar insserv bootlogd openrc libeinfo1 librc1'
touch $root/etc/cloud/cloud-init.disabled
rm -rf $root/etc/machine-id $root/var/lib/dbus/machine-id $root/etc/systemd/system/*.wants/puppet.service $root/var/cache/apt/archives/*.deb
# Nothing here waits for a network or fetches packages by itself.
chroot $root systemctl mask -q apt-daily.timer apt-daily-upgrade.timer systemd-networkd.service systemd-resolved.service
printf '%s\n' "$stamp" >$root/stamp
echo "bin/_hosts/root: $(($(date +%s) - began)) s"
