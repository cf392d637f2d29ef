package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is what programs are linked with: a Go module, or the standard library with Go's runtime as "std".
type module struct {
	path, version string
	licence       string   // an SPDX expression
	texts         []string // of its licences and notices
	programs      []string // <os>-<arch>/<name>
}

// modules returns what programs are linked with, by their own account (debug/buildinfo), in order. One without a licence is an error:
// it can't be shipped.
func modules(ctx context.Context, programs []program) ([]*module, error) {
	found := map[string]*module{}
	for _, p := range programs {
		info, err := buildinfo.ReadFile(p.file)
		if err != nil {
			return nil, fmt.Errorf("what is %s made of: %w", p.name(), err)
		}
		add := func(path, version string) {
			m := found[path]
			if m == nil {
				m = &module{path: path, version: version}
				found[path] = m
			}
			m.programs = append(m.programs, p.name())
		}
		add("std", strings.TrimPrefix(info.GoVersion, "go"))
		for _, d := range info.Deps {
			if d.Replace != nil {
				d = d.Replace
			}
			add(d.Path, d.Version)
		}
	}
	list := make([]*module, 0, len(found))
	for _, m := range found {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *module) int { return strings.Compare(a.path, b.path) })
	return list, readLicences(ctx, list)
}

// linked returns the modules that a program is linked with.
func (r *release) linked(p program) []*module {
	return slices.Collect(func(yield func(*module) bool) {
		for _, m := range r.modules {
			if slices.Contains(m.programs, p.name()) && !yield(m) {
				return
			}
		}
	})
}

// readLicences reads the licences of modules where Go has put their source.
func readLicences(ctx context.Context, list []*module) error {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOMODCACHE").Output()
	if err != nil {
		return fmt.Errorf("where is Go: %w", err)
	}
	root, cache, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	for _, m := range list {
		dir := filepath.Join(cache, escape(m.path)+"@"+escape(m.version))
		if m.path == "std" {
			dir = root
		}
		if err := m.read(dir); err != nil {
			return err
		}
	}
	return nil
}

var (
	capital     = regexp.MustCompile(`[A-Z]`)
	notLinked   = regexp.MustCompile(`^([._].*|testdata|cmd|examples?)$`) // folders of what no program gets from a module
	licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense|patents)([._-].*)?$`)
)

// escape writes a module's path as Go's cache does.
func escape(path string) string {
	return capital.ReplaceAllStringFunc(path, func(s string) string { return "!" + strings.ToLower(s) })
}

// read reads the licences in a module's folder and in those below it: what was taken from others has its own there.
func (m *module) read(dir string) error {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if path != dir && (m.path == "std" || notLinked.MatchString(e.Name())) {
				return fs.SkipDir
			}
			return nil
		}
		if !licenceFile.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			return nil
		}
		b, err := os.ReadFile(path)
		text := strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
		if !slices.Contains(m.texts, text) {
			m.texts = append(m.texts, text)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the source of %s is not in %s: go mod download", m.path, dir)
	}
	if err != nil {
		return err
	}
	var names []string
	for _, text := range m.texts {
		names = append(names, licencesOf(text)...)
	}
	slices.Sort(names)
	m.licence = strings.Join(slices.Compact(names), " AND ")
	if m.licence == "" {
		return fmt.Errorf("%s has no licence that is known (in %s): it can't be shipped", m.path, dir)
	}
	return nil
}

// licencesOf tells which licences a text grants, as SPDX has them.
func licencesOf(text string) (names []string) {
	text = strings.Join(strings.Fields(text), " ")
	has := func(s string) bool { return strings.Contains(text, s) }
	add := func(ok bool, name string) {
		if ok {
			names = append(names, name)
		}
	}
	add(has("Apache License Version 2.0") || has("Licensed under the Apache License, Version 2.0"), "Apache-2.0")
	source := has("Redistribution and use in source and binary forms")
	add(source && !has("Neither the name"), "BSD-2-Clause")
	add(source && has("Neither the name"), "BSD-3-Clause")
	add(has("Permission to use, copy, modify, and/or distribute"), "ISC")
	add(has("Permission is hereby granted, free of charge"), "MIT")
	add(has("Altered source versions must be plainly marked as such"), "Zlib")
	add(has("Mozilla Public License") && has("2.0"), "MPL-2.0")
	add(has("GNU GENERAL PUBLIC LICENSE"), "GPL-3.0-or-later")
	return names
}
