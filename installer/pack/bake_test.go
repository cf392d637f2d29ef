package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/rpmpack"
)

const aToken = "argus1.AAAA-bbbb_cccc"

var bakedAt = time.Unix(1_800_000_000, 0)

// smallDeb is a package as nfpm makes them, with a file or two.
func smallDeb(t testing.TB, name string) []byte {
	t.Helper()
	entry := func(name string, mode int64, data string) tarFile {
		return tarFile{&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), Uname: "root", Gname: "root", ModTime: time.Unix(1_700_000_000, 0)}, []byte(data)}
	}
	folder := func(name string) tarFile {
		return tarFile{header: &tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, Uname: "root", Gname: "root"}}
	}
	control, err := gzipTar([]tarFile{entry("./control", 0o644, "Package: "+name+"\nVersion: 1.0-1\n"), entry("./md5sums", 0o644, "0123  usr/bin/argus-endpoint\n"), entry("./postinst", 0o755, "#!/bin/sh\n")})
	if err != nil {
		t.Fatal(err)
	}
	data, err := gzipTar([]tarFile{folder("./usr/"), folder("./usr/bin/"), entry("./usr/bin/argus-endpoint", 0o755, "program"), folder("./usr/share/")})
	if err != nil {
		t.Fatal(err)
	}
	return writeAr([]arMember{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", control}, {"data.tar.gz", data}}, time.Unix(1_700_000_000, 0))
}

func entries(t *testing.T, packed []byte) (list []tarFile) {
	t.Helper()
	if _, err := retar(packed, func(all []tarFile) ([]tarFile, error) { list = all; return all, nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestBakeDeb: the token is one file more, root's alone; everything else is as it was. A second token takes the place of the first.
func TestBakeDeb(t *testing.T) {
	before := smallDeb(t, "argus-endpoint")
	once, err := BakeDeb(before, aToken, bakedAt)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := BakeDeb(once, aToken+"-2", bakedAt)
	if err != nil {
		t.Fatal(err)
	}
	for token, deb := range map[string][]byte{aToken: once, aToken + "-2": twice} {
		members, err := readAr(deb)
		if err != nil || len(members) != 3 {
			t.Fatal(members, err)
		}
		var names []string
		for _, f := range entries(t, members[2].data) {
			names = append(names, f.header.Name)
			if f.name() == GivenToken && (string(f.data) != token+"\n" || f.header.Mode != 0o600 || f.header.Uid != 0 || !f.header.ModTime.Equal(bakedAt)) {
				t.Errorf("%q, mode %o, owner %d, of %v", f.data, f.header.Mode, f.header.Uid, f.header.ModTime)
			}
		}
		want := []string{"./usr/", "./usr/bin/", "./usr/bin/argus-endpoint", "./usr/share/", "./usr/share/argus-endpoint/", "./usr/share/argus-endpoint/token"}
		if !slices.Equal(names, want) {
			t.Errorf("%q, want %q", names, want)
		}
		control := entries(t, members[1].data)
		if sums := string(control[1].data); strings.Count(sums, "\n") != 2 || !strings.Contains(sums, "usr/share/argus-endpoint/token\n") || string(control[2].data) != "#!/bin/sh\n" {
			t.Errorf("%q", sums)
		}
	}
}

func bakePKG(pkg []byte, token string, _ time.Time) ([]byte, error) { return BakePKG(pkg, token) }

func TestBakeRefuses(t *testing.T) {
	deb, rpm := smallDeb(t, "argus-endpoint"), smallRPM(t, "argus-endpoint")
	members, err := readAr(deb)
	if err != nil {
		t.Fatal(err)
	}
	signed := writeAr(append(members, arMember{"_gpgorigin", []byte("signature")}), bakedAt)
	for name, c := range map[string]struct {
		bake  func([]byte, string, time.Time) ([]byte, error)
		file  []byte
		token string
		want  string
	}{
		"no token":                 {BakeDeb, deb, "argus1.AA\nroot::0:0", "no enrolment token"},
		"a shell's words":          {BakeRPM, rpm, "argus1.$(id)", "no enrolment token"},
		"a line of the script's":   {bakePKG, build(t, sample()), "argus1.a\nroot", "no enrolment token"},
		"a deb that is to be pkg":  {bakePKG, deb, aToken, "damaged package archive"},
		"deb of the collector":     {BakeDeb, smallDeb(t, "argus-collector"), aToken, "not of argus-endpoint"},
		"rpm of the collector":     {BakeRPM, smallRPM(t, "argus-collector"), aToken, "not of argus-endpoint"},
		"signed deb":               {BakeDeb, signed, aToken, "signed"},
		"deb that is cut off":      {BakeDeb, deb[:len(deb)-20], aToken, "no deb package"},
		"rpm that is cut off":      {BakeRPM, rpm[:len(rpm)-20], aToken, "no rpm package"},
		"nothing":                  {BakeDeb, nil, aToken, "no deb package"},
		"an rpm that is to be deb": {BakeDeb, rpm, aToken, "no deb package"},
		"a deb that is to be rpm":  {BakeRPM, deb, aToken, "no rpm package"},
	} {
		if _, err := c.bake(c.file, c.token, bakedAt); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), c.token) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func smallRPM(t testing.TB, name string) []byte {
	t.Helper()
	r, err := rpmpack.NewRPM(rpmpack.RPMMetaData{Name: name, Version: "1.0", Release: "1", Arch: "x86_64", Summary: "a sensor", Licence: "Apache-2.0", BuildTime: time.Unix(1_700_000_000, 0),
		Epoch: rpmpack.NoEpoch, Requires: rpmpack.Relations{{Name: "/usr/sbin/useradd"}, {Name: "glibc", Version: "2.0", Sense: rpmpack.SenseGreater}}})
	if err != nil {
		t.Fatal(err)
	}
	r.AddFile(rpmpack.RPMFile{Name: "/usr/bin/argus-endpoint", Body: []byte("program"), Mode: 0o755, Owner: "root", Group: "root", MTime: 1_700_000_000})
	r.AddFile(rpmpack.RPMFile{Name: "/etc/argus-endpoint", Mode: 0o40755, Owner: "root", Group: "root"})
	r.AddFile(rpmpack.RPMFile{Name: "/etc/argus-endpoint/argus-endpoint.conf", Body: []byte("# all\n"), Mode: 0o644, Owner: "root", Group: "adm", Type: rpmpack.ConfigFile | rpmpack.NoReplaceFile})
	r.AddFile(rpmpack.RPMFile{Name: "/usr/bin/link", Body: []byte("argus-endpoint"), Mode: 0o120777, Owner: "root", Group: "root"})
	r.AddPrein("echo before\n")
	r.AddPostin("echo after\n")
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBakeRPM: the token is one file more; name, dependencies, scripts and files are what they were.
func TestBakeRPM(t *testing.T) {
	before := smallRPM(t, "argus-endpoint")
	once, err := BakeRPM(before, aToken, bakedAt)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := BakeRPM(once, aToken+"-2", bakedAt)
	if err != nil {
		t.Fatal(err)
	}
	h, payload, err := openRPM(before)
	if err != nil {
		t.Fatal(err)
	}
	files, err := h.files(payload)
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for token, rpm := range map[string][]byte{aToken: once, aToken + "-2": twice} {
		after, payload, err := openRPM(rpm)
		if err != nil {
			t.Fatal(err)
		}
		for tag, e := range h {
			if own := after[tag]; !rpmOwn[tag] && (own.kind != e.kind || own.count != e.count || !slices.Equal(h.texts(tag), after.texts(tag)) || !slices.Equal(h.numbers(tag), after.numbers(tag))) {
				t.Errorf("tag %d: %q %d, was %q %d", tag, after.texts(tag), after.numbers(tag), h.texts(tag), h.numbers(tag))
			}
		}
		all, err := after.files(payload)
		if err != nil || len(all) != len(files)+2 {
			t.Fatal(len(all), err)
		}
		for _, f := range files {
			if !slices.ContainsFunc(all, func(o rpmpack.RPMFile) bool {
				return o.Name == f.Name && bytes.Equal(o.Body, f.Body) && o.Mode == f.Mode && o.Owner == f.Owner && o.Group == f.Group && o.MTime == f.MTime && o.Type == f.Type
			}) {
				t.Errorf("%s is not what it was", f.Name)
			}
		}
		last := all[slices.IndexFunc(all, func(f rpmpack.RPMFile) bool { return f.Name == GivenToken })]
		if string(last.Body) != token+"\n" || last.Mode != posixFile|0o600 || last.Owner != "root" || last.MTime != uint32(bakedAt.Unix()) {
			t.Errorf("%q, mode %o, of %s at %d", last.Body, last.Mode, last.Owner, last.MTime)
		}
	}
}

func FuzzBakeDeb(f *testing.F) {
	f.Add(smallDeb(f, "argus-endpoint"))
	f.Fuzz(func(t *testing.T, deb []byte) {
		if out, err := BakeDeb(deb, aToken, bakedAt); err == nil {
			if _, err := BakeDeb(out, aToken, bakedAt); err != nil {
				t.Errorf("what was made is refused: %v", err)
			}
		}
	})
}

func FuzzBakeRPM(f *testing.F) {
	f.Add(smallRPM(f, "argus-endpoint"))
	f.Fuzz(func(t *testing.T, rpm []byte) {
		if out, err := BakeRPM(rpm, aToken, bakedAt); err == nil {
			if _, err := BakeRPM(out, aToken, bakedAt); err != nil {
				t.Errorf("what was made is refused: %v", err)
			}
		}
	})
}

// FuzzPayload: the parts of an rpm behind its compression, which a fuzzer does not get through.
func FuzzPayload(f *testing.F) {
	_, payload, err := openRPM(smallRPM(f, "argus-endpoint"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := readNewc(b)
		total := 0
		for _, data := range files {
			total += len(data)
		}
		if err == nil && total > len(b) {
			t.Errorf("%d octets of files in %d", total, len(b))
		}
	})
}

// FuzzRetar: the tar archives of a deb behind their compression.
func FuzzRetar(f *testing.F) {
	members, err := readAr(smallDeb(f, "argus-endpoint"))
	if err != nil {
		f.Fatal(err)
	}
	plain, err := gunzip(members[2].data, maxContent)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Fuzz(func(t *testing.T, b []byte) {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := io.Copy(z, bytes.NewReader(b)); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		_, _ = retar(packed.Bytes(), func(all []tarFile) ([]tarFile, error) {
			return addToTar(all, File{Path: GivenToken, Mode: 0o600, Data: []byte(aToken)}, bakedAt), nil
		})
	})
}
