package wine

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv("ENDTOEND") == "" {
		fmt.Println("wine: left out; run it with: make wine")
		return
	}
	os.Exit(m.Run())
}
