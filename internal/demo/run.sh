#!/bin/sh
# make run: a collector on loopback, an agent on every interface of this machine, and the flows as they arrive.
# State and logs are in ./run. Ctrl-C ends all three.
set -u
cd "$(dirname "$0")/../.."
listen=${LISTEN:-127.0.0.1:4561}

root=""
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "make run: reading packets needs root, and there is no sudo: run it as root" >&2; exit 1; }
	echo "make run: reading packets needs root; sudo may ask for your password" >&2
	sudo -v || exit 1
	root="sudo --preserve-env=ARGUS_TOKEN"
fi

mkdir -p run
collector="" agent=""
finish() {
	trap - EXIT INT TERM
	[ -n "$agent" ] && $root kill "$agent" 2>/dev/null && wait "$agent" 2>/dev/null
	[ -n "$collector" ] && kill "$collector" 2>/dev/null && wait "$collector" 2>/dev/null
	exit "${1:-0}"
}
trap 'finish 0' INT TERM
trap 'finish $?' EXIT

# Ctrl-C goes to this script alone, which then ends the two in order: each leads a session of its own.
: >run/collector.log
setsid bin/argus-collector run --state run/collector --listen "$listen" 2>run/collector.log &
collector=$!
tries=0
until grep -q "collector is ready" run/collector.log; do
	tries=$((tries + 1))
	if [ $tries -gt 100 ] || ! kill -0 "$collector" 2>/dev/null; then
		echo "make run: the collector did not start:" >&2
		cat run/collector.log >&2
		finish 1
	fi
	sleep 0.1
done
bin/argus-collector token create --state run/collector --address "$listen" --uses 1 --expires 1h >run/token 2>/dev/null || finish 1
ARGUS_TOKEN=$(cat run/token)
export ARGUS_TOKEN
rm -f run/token

setsid $root bin/argus-endpoint run --state run/endpoint --batch-interval 1s 2>run/endpoint.log &
agent=$!
echo "collector on $listen, logs in run/*.log; flows of this machine follow (Ctrl-C ends)" >&2
bin/argus-collector flows --follow --state run/collector
