package engines

import (
	"fmt"
	"os"
	"testing"
)

// tools is where make engines puts the programs that no package brings.
const tools = "../../bin/tools/"

func TestMain(m *testing.M) {
	if os.Getenv("ENDTOEND") == "" {
		fmt.Println("engines: left out; run it with: make engines")
		return
	}
	os.Exit(m.Run())
}
