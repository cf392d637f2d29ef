package main

import "github.com/peterbourgon/ff/v3/ffcli"

func signCommand() *ffcli.Command { return &ffcli.Command{Name: "sign"} }
