package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs a program that the test needs.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return string(out)
}

// TestStoreToFiles: what is stored is written for the Argus tools, and files of every compression are read.
func TestStoreToFiles(t *testing.T) {
	state, dir := fill(t), t.TempDir()
	plain := filepath.Join(dir, "x.arg")
	if out, errs, code := program(t, "flows", "--state", state, "-w", plain, "--argus-version", "3"); code != 0 || out+errs != "" {
		t.Fatalf("exit %d, %q, %q", code, out, errs)
	}
	const fields = "saddr,sport,daddr,dport,spkts,sbytes"
	theirs := command(t, "ra", "-F", "/dev/null", "-L", "-1", "-n", "-c", ",", "-s", fields, "-r", plain, "-", "udp")
	ours, _, _ := program(t, "flows", "--state", state, "-n", "-c", ",", "-s", fields)
	_, ours, _ = strings.Cut(ours, "\n")
	if strings.Count(theirs, "\n") != 22 || theirs != ours {
		t.Errorf("ra reads\n%s\nthe store has\n%s", theirs, ours)
	}
	for _, c := range []string{"gzip", "bzip2", "xz", "zstd"} {
		packed := filepath.Join(dir, c)
		if err := os.WriteFile(packed, []byte(command(t, c, "-c", plain)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, code := program(t, "flows", "-r", packed, "-n", "-c", ",", "-s", fields)
		if _, out, _ = strings.Cut(out, "\n"); code != 0 || out != ours {
			t.Errorf("%s: exit %d, %q, %s", c, code, errs, out)
		}
	}
}

// TestFlagsOverTheStore: times in ra's words, sums, order and bins.
func TestFlagsOverTheStore(t *testing.T) {
	state := fill(t)
	for args, want := range map[string]int{
		"-t 1795292100+2m":                  6, // 20:15 UTC, both ends in it
		"-t 1795292100-1795292220":          6,
		"-t x1795292100-1795292220":         16,
		"-m srcid":                          2,
		"-m dport":                          2,
		"--bins 5m -m srcid":                6,
		"--sort -dport -N o3":               3,
		"--since 2026-11-21T20:15:00Z -N 3": 3,
	} {
		out, errs, code := program(t, append([]string{"flows", "--state", state, "--json"}, strings.Fields(args)...)...)
		if n := strings.Count(out, "\n"); code != 0 || errs != "" || n != want {
			t.Errorf("flows %s: exit %d, %d lines, %q; want %d", args, code, n, errs, want)
		}
	}
	for args, want := range map[string]string{"-r x --follow": "--follow", "-r x --since 1h": "-t", "-S localhost --host " + host.String(): "srcid"} {
		if _, errs, code := program(t, append([]string{"flows", "--state", state}, strings.Fields(args)...)...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("flows %s: exit %d, %q", args, code, errs)
		}
	}
}
