package store

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// errDamagedFile is about a data file, which is left as it is.
var errDamagedFile = errors.New("the file is damaged")

// openOptions leave the indexes and filters of the columns that nobody asks for where they are.
var openOptions = []parquet.FileOption{parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true)}

// openParquet reads the footer of a data file.
func openParquet(o Object, f *File) (p *parquet.File, err error) {
	defer damage(&err)
	if p, err = parquet.OpenFile(o, f.Bytes, openOptions...); err != nil {
		return nil, err
	}
	for _, group := range p.Metadata().RowGroups {
		for i := range group.Columns { // others unpack to as much as a damaged page says
			if c := group.Columns[i].MetaData.Codec; c != format.Zstd && c != format.Uncompressed {
				return nil, fmt.Errorf("%w: its columns cannot be packed by %v", errDamagedFile, c)
			}
		}
	}
	return p, nil
}

// damage makes an error of what the library panics with when a file is damaged.
func damage(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", errDamagedFile, r)
	}
}

// verify fails when a data file is not what was written.
func verify(o Object, f *File) error {
	if f.Sum == 0 {
		return nil
	}
	got := counter{w: io.Discard}
	if _, err := io.Copy(&got, io.NewSectionReader(o, 0, f.Bytes+1)); err != nil {
		return err
	}
	if got.sum != f.Sum || got.n != f.Bytes {
		return fmt.Errorf("%w: its sum is %08x, was %08x", errDamagedFile, got.sum, f.Sum)
	}
	return nil
}
