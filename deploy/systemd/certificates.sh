#!/bin/sh
# Makes what NATS and the two roles of argus-collector prove themselves by: certificates.sh FOLDER n1 n2 n3
# The names are those by which the servers are reached. ca.key signs more of them later: keep it somewhere else.
set -eu
mkdir -p "$1"
cd "$1"
shift
umask 077
make() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 "$@" 2>/dev/null; }
[ -e ca.key ] || make -keyout ca.key -out ca.pem -subj "/CN=NATS of argus-collector" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
for name in "$@" receive.argus write.argus; do
	make -CA ca.pem -CAkey ca.key -keyout "$name.key" -out "$name.pem" -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
		-addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth,clientAuth
done
