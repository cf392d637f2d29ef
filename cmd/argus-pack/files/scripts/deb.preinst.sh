{{template "functions" .}}
{{if .Endpoint}}if [ "$1" = install ]; then take_over; fi{{end}}
