#!/bin/sh
# make demo-check: make run as a newcomer does, with a connection beside it: its flow is printed, and Ctrl-C ends everything.
set -u
cd "$(dirname "$0")/../.."
mkdir -p bin
log=bin/demo.log
LISTEN=127.0.0.1:4569
export LISTEN
rm -rf run

timeout -s INT 60 make run >"$log" 2>&1 &
demo=$!
fail() {
	echo "demo-check: $1" >&2
	cat "$log" run/*.log >&2
	kill "$demo" 2>/dev/null
	exit 1
}
# await WORD: until the demonstration has printed it, for 20 s at most.
await() {
	for _ in $(seq 100); do
		grep -q "$1" "$log" && return
		kill -0 "$demo" 2>/dev/null || fail "it ended before it printed $1"
		sleep 0.2
	done
	fail "it did not print $1 within 20 s"
}
await "flows of this machine follow"
curl -s -m 2 http://$LISTEN/ >/dev/null # answered or not, it is a connection
await '127.0.0.1.4569 .*\(FIN\|RST\|CON\)'
began=$(date +%s)
kill -INT "$demo" # timeout passes it on to make and what make started, as a terminal does
wait "$demo"
took=$(($(date +%s) - began))
left=$(pgrep -f -- '--state run/' | tr '\n' ' ')
[ -z "$left" ] || fail "processes were left: $left"
[ "$took" -le 8 ] || fail "it took $took s to end"
grep 127.0.0.1.4569 "$log"
echo "demo-check: the flow was printed, and all ended in $took s"
