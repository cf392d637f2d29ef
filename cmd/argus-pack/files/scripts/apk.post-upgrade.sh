{{template "functions" .}}
place_token
unset ARGUS_TOKEN
if [ -e /run/openrc/softlevel ]; then rc-service --ifstarted "$name" restart || true; fi
