{{template "functions" .}}
add_user
{{if .Endpoint}}if [ "$1" = 1 ]; then take_over; fi{{end}}
