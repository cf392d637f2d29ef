{{template "functions" .}}
getent group "$name" >/dev/null || addgroup -S "$name"
getent passwd "$name" >/dev/null || adduser -S -D -H -h /nonexistent -s /sbin/nologin -G "$name" -g "{{.Summary}}" "$name"
