package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/argus-endpoint/argus-endpoint/"
)

// layers is the picture of ARCHITECTURE.md: a package imports packages of lower layers only.
var layers = map[string]int{
	"platform": 0, "platform/netconf": 0, "flow": 0, "identify": 0, "internal/cli": 0,

	"capture": 1, "argus": 1, "uplink/spool": 1, "uplink/wire": 1, "uplink/tpm": 1,

	"uplink": 2, "argus/fields": 2, "argus/cluster": 2, "argus/filter": 2, "argus/feed": 2,
	"collector/receive": 2, "collector/zeek": 2, "collector/journal": 2, "collector/store": 2, "collector/pki": 2, "collector/account": 2,

	"installer/pack": 1, "installer": 2,

	"argus/codec": 1, "argus/archive": 2,

	"agent": 3, "collector": 3, "internal/reader": 3,

	"cmd/argus-endpoint": 4, "cmd/argus-collector": 4, "cmd/argus-pack": 4,

	"internal/arch": 5, "internal/e2e": 5, "internal/bench": 5, "internal/judge": 5, "internal/netns": 5, "internal/await": 5, "internal/mutant": 5, // only tests import them
	"internal/chaos": 5, "internal/faults": 5, "internal/powercut": 5, "internal/scale": 5, "internal/engines": 5, "internal/ecosystem": 5,
	"internal/hosts": 5, "internal/wine": 5, "internal/packages": 5,
	"internal/chaos/sender": 6, "internal/scale/crowd": 6, "internal/powercut/writer": 6, // programs of the tests
}

// file is one parsed Go file of the repository.
type file struct {
	path, pkg string // relative to the root
	test      bool
	ast       *ast.File
	imports   []string
}

func files(t *testing.T) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if d.IsDir() && rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "run" || rel == "bin" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		f := parse(t, p)
		f.path, f.pkg = filepath.ToSlash(rel), path.Dir(filepath.ToSlash(rel))
		all = append(all, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d Go files: the walk is wrong", len(all))
	}
	return all
}

func parse(t *testing.T, name string) file {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	f := file{test: strings.HasSuffix(name, "_test.go"), ast: parsed}
	for _, i := range parsed.Imports {
		f.imports = append(f.imports, strings.Trim(i.Path.Value, `"`))
	}
	return f
}

func TestImportsGoDown(t *testing.T) {
	for _, f := range files(t) {
		layer, ok := layers[f.pkg]
		if !ok {
			t.Errorf("%s: package %s has no layer: draw it into ARCHITECTURE.md and enter it here", f.path, f.pkg)
		}
		if f.test {
			continue
		}
		for _, i := range f.imports {
			ours, found := strings.CutPrefix(i, module)
			if below, known := layers[ours]; found && known && below >= layer {
				t.Errorf("%s imports %s: layer %d may not import layer %d", f.path, ours, layer, below)
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	for _, f := range files(t) {
		for _, i := range f.imports {
			switch {
			case i == "C":
				t.Errorf("%s uses cgo", f.path)
			case i == "os/exec" && !f.test && !strings.HasPrefix(f.pkg, "installer") && f.pkg != "cmd/argus-pack" && layers[f.pkg] < 5:
				t.Errorf("%s imports os/exec: only installer and argus-pack may run other programs", f.path)
			case strings.HasPrefix(i, "go.uber.org/zap") && layers[f.pkg] < 2:
				t.Errorf("%s logs: packages below layer 2 return errors and counters", f.path)
			}
		}
	}
}

// TestProgramsDoNotReach follows the imports of both programs through our own and all foreign modules' files, whatever
// their build tags: gopacket/layers and pcapgo would cost 8 MB of memory and bring known panics.
func TestProgramsDoNotReach(t *testing.T) {
	forbidden := []string{"github.com/google/gopacket/layers", "github.com/google/gopacket/pcapgo", "github.com/google/gopacket/pcap"}
	dirs := moduleDirs(t)
	for _, program := range []string{"cmd/argus-endpoint", "cmd/argus-collector"} {
		seen := map[string]string{module + program: ""}
		todo := []string{module + program}
		for len(todo) > 0 {
			p := todo[0]
			todo = todo[1:]
			for _, i := range importsOf(t, dirs, p) {
				if _, ok := seen[i]; !ok {
					seen[i] = p
					todo = append(todo, i)
				}
			}
		}
		if len(seen) < 30 {
			t.Fatalf("%s: only %d packages in the closure: the search is wrong", program, len(seen))
		}
		for _, bad := range forbidden {
			if by, ok := seen[bad]; ok {
				t.Errorf("%s reaches %s through %s", program, bad, by)
			}
		}
	}
}

// moduleDirs maps each module's path to its folder.
func moduleDirs(t *testing.T) map[string]string {
	t.Helper()
	mod, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		gopath := os.Getenv("GOPATH")
		if gopath == "" {
			home, _ := os.UserHomeDir()
			gopath = filepath.Join(home, "go")
		}
		cache = filepath.Join(gopath, "pkg", "mod")
	}
	upper := regexp.MustCompile("[A-Z]")
	dirs := map[string]string{strings.TrimSuffix(module, "/"): root}
	for _, m := range regexp.MustCompile(`(?m)^(?:require)?\s+(\S+\.\S+/\S+) (v\S+)`).FindAllStringSubmatch(string(mod), -1) {
		escaped := upper.ReplaceAllStringFunc(m[1], func(s string) string { return "!" + strings.ToLower(s) })
		dirs[m[1]] = filepath.Join(cache, escaped+"@"+m[2])
	}
	return dirs
}

// importsOf returns what the non-test files of package p import, outside the standard library.
func importsOf(t *testing.T, dirs map[string]string, p string) []string {
	t.Helper()
	dir := ""
	for mod := p; mod != "."; mod = path.Dir(mod) {
		if d, ok := dirs[mod]; ok {
			dir = filepath.Join(d, strings.TrimPrefix(p, mod))
			break
		}
	}
	if dir == "" {
		return nil // a module that go.mod prunes: it can't be linked
	}
	names, _ := filepath.Glob(dir + "/*.go")
	var imports []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f := parse(t, name)
		if f.ast.Name.Name == "main" && !strings.Contains(p, "/cmd/") {
			continue // a generator beside a package
		}
		for _, i := range f.imports {
			if first, _, _ := strings.Cut(i, "/"); strings.Contains(first, ".") && !slices.Contains(imports, i) {
				imports = append(imports, i)
			}
		}
	}
	return imports
}

// TestPackageDocs holds every package to a sentence, and every exported name to a comment.
func TestPackageDocs(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		if !f.test {
			documented[f.pkg] = documented[f.pkg] || f.ast.Doc != nil
			undocumented(f, func(name string) { t.Errorf("%s: exported %s has no comment", f.path, name) })
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

func undocumented(f file, report func(string)) {
	for _, decl := range f.ast.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || exportedReceiver(d.Recv)) {
				report(d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil {
					report(ts.Name.Name)
				}
				if vs, ok := s.(*ast.ValueSpec); ok && d.Doc == nil && vs.Doc == nil && vs.Comment == nil && vs.Names[0].IsExported() {
					report(vs.Names[0].Name)
				}
			}
		}
	}
}

func exportedReceiver(r *ast.FieldList) bool {
	typ := r.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// TestFileSizes keeps every file readable in one sitting.
func TestFileSizes(t *testing.T) {
	for _, f := range files(t) {
		data, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), "\n"); n > 400 && !f.test {
			t.Errorf("%s has %d lines: a room to divide (400)", f.path, n)
		}
	}
}
