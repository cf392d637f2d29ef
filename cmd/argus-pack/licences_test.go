package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLicences: which one a text grants; what grants none that is known can't be shipped.
func TestLicences(t *testing.T) {
	const (
		mit  = "Permission is hereby granted, free of charge, to any person"
		bsd  = "Redistribution and use in source and\nbinary forms, with or without"
		isc  = "Permission to use, copy, modify, and/or distribute this software"
		name = "Neither the name of Google"
	)
	own, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		string(own):             {"Apache-2.0"},
		mit:                     {"MIT"},
		bsd:                     {"BSD-2-Clause"},
		bsd + "\n" + name:       {"BSD-3-Clause"},
		isc:                     {"ISC"},
		bsd + name + "\n" + mit: {"BSD-3-Clause", "MIT"},
		"All rights reserved.":  nil,
	} {
		if got := licencesOf(text); !slices.Equal(got, want) {
			t.Errorf("%.40q: %q, want %q", text, got, want)
		}
	}
	if err := (&module{path: "example.org/x"}).read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "can't be shipped") {
		t.Errorf("a module without a licence: %v", err)
	}
}

// TestLicencesBelow: what a module has taken from others travels with their licences; tests and commands are not linked.
func TestLicencesBelow(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"LICENSE":                      "Apache License Version 2.0",
		"hash/internal/LICENSE.txt":    "Copyright (c) 2016 Ann Example. Permission is hereby granted, free of charge",
		"copy/LICENSE":                 "Apache License Version 2.0\n",
		"table/COPYING":                "Redistribution and use in source and binary forms",
		"cmd/tool/LICENSE":             "GNU GENERAL PUBLIC LICENSE",
		"hash/testdata/corpus/LICENSE": "GNU GENERAL PUBLIC LICENSE",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	m := module{path: "example.org/x"}
	if err := m.read(dir); err != nil || m.licence != "Apache-2.0 AND BSD-2-Clause AND MIT" || len(m.texts) != 3 {
		t.Errorf("%v, %s, %q", err, m.licence, m.texts)
	}
}

// TestCopyright: the holders are named, and Apache's text is Debian's own copy of it.
func TestCopyright(t *testing.T) {
	own, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	m := &module{path: "example.org/x", version: "v1.0.0", licence: "Apache-2.0 AND MIT",
		texts: []string{string(own), "The MIT License\n\nCopyright (c) 2019 Ann Example\n\nPermission is hereby granted ..."}}
	got := string(copyright(program{product: products[0]}, []*module{m}))
	for _, want := range []string{"\nFiles: example.org/x/*\nCopyright: Copyright (c) 2019 Ann Example\nLicense: Apache-2.0 and Expat\n", "/usr/share/common-licenses/Apache-2.0", "\n .\n Permission is hereby granted"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "TERMS AND CONDITIONS FOR USE") || strings.Contains(got, "[yyyy]") {
		t.Error("Apache's own text is in it")
	}
}
