//go:build !windows && !darwin

package platform

import "os"

func service() bool { return os.Getenv("INVOCATION_ID") != "" }
