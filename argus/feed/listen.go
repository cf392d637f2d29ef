package feed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// ParseListen reads where a server is to be reached: a port, or :port, on this machine only; host:port; *:port on all addresses; or the
// path of a socket, which has a / in it.
func ParseListen(text string) (network, address string, err error) {
	if strings.Contains(text, "/") {
		return "unix", text, nil
	}
	host, port, found := strings.Cut(text, ":")
	switch {
	case !found && strings.Trim(text, "0123456789") != "": // a name without a port
		port = DefaultPort
	case !found:
		host, port = "", text
	case strings.Contains(port, ":"): // IPv6
		host, port, err = splitHostPort(text)
	}
	switch host {
	case "":
		host = "127.0.0.1"
	case "*":
		host = ""
	}
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return "", "", fmt.Errorf("feed %.200q: %w; want a port (this machine only), host:port, *:port (all addresses) or a path", text, err)
	}
	return "tcp", net.JoinHostPort(host, port), nil
}

// ParsePush reads where records are to be pushed to: argus-udp://host[:port], with ?version=3 for listeners of the 3.x line.
func ParsePush(text string) (address string, v3 bool, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "argus-udp" || u.Hostname() == "" || u.Path != "" {
		return "", false, fmt.Errorf("push %.200q: want argus-udp://host[:port], with ?version=3 for a radium of the 3.x line", text)
	}
	switch v := u.Query().Get("version"); v {
	case "", "5":
	case "3":
		v3 = true
	default:
		return "", false, fmt.Errorf("push %.200q: version %.20q is not 3 or 5", text, v)
	}
	port := u.Port()
	if port == "" {
		port = DefaultPort
	}
	if _, err := net.LookupPort("udp", port); err != nil {
		return "", false, fmt.Errorf("push %.200q: %w", text, err)
	}
	return net.JoinHostPort(u.Hostname(), port), v3, nil
}

// Listen opens a listener for a server where ParseListen says. A socket is for its owner and his group.
func Listen(ctx context.Context, text string) (net.Listener, error) {
	network, address, err := ParseListen(text)
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
	if errors.Is(err, syscall.EADDRINUSE) && network == "unix" {
		if err = removeStale(ctx, address); err == nil {
			l, err = (&net.ListenConfig{}).Listen(ctx, network, address)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	if network == "unix" {
		if err := os.Chmod(address, 0o660); err != nil {
			return nil, errors.Join(fmt.Errorf("feed: %w", err), l.Close())
		}
	}
	return l, nil
}

// removeStale removes a socket at which nobody listens: a run that was cut off has left it. What is no socket refuses connections
// too, and stays.
func removeStale(ctx context.Context, path string) error {
	if info, err := os.Lstat(path); err != nil {
		return err
	} else if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there already and no socket: %w", path, fs.ErrExist)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return fmt.Errorf("at %s somebody listens already: %w", path, syscall.EADDRINUSE)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return err
}
