{{template "functions" .}}
add_user
