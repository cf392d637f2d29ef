package collector

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/zeek"
	"github.com/gofrs/uuid/v5"
)

// records reads what kind of file it is, and its records.
func (f *importing) records(from io.Reader) error {
	in := bufio.NewReaderSize(from, 1<<16)
	head, err := in.Peek(12)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case len(head) == 0:
		return errors.New("it is empty")
	case argus.IsStream(head):
		f.Format = "argus"
		return f.argus(in)
	case zeek.IsLog(head):
		f.Format = "zeek"
		return f.zeek(in)
	}
	return fmt.Errorf("it is neither an Argus file nor a conn.log of Zeek: it begins with %q", head)
}

func (f *importing) argus(in io.Reader) error {
	for records := argus.NewReader(in); ; {
		r, err := records.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.take(r); err != nil {
			return err
		}
	}
}

// take takes one record of an Argus file.
func (f *importing) take(r *argus.Record) error {
	f.Records++
	if r.Kind == argus.KindOther {
		f.Other++
		return nil
	}
	id := r.Monitor
	if id.Kind == 0 {
		id = f.Sensor
	}
	return f.add(id.Host(), r.Flow.Start, r.Raw)
}

func (f *importing) add(sensor uuid.UUID, at int64, record []byte) error {
	fresh, err := f.gather.add(f.ctx, sensor, at, record)
	if fresh {
		f.New++
	}
	if errors.Is(err, errSensors) {
		f.Bad++
		f.Problem(f.Imported.File, 0, err)
		return nil
	}
	return err
}

// zeekHas is what a line of conn.log says: nothing of IP's attributes.
const zeekHas = argus.HasConverted | argus.HasSequence | argus.HasExtension | argus.HasTCP

func (f *importing) zeek(in io.Reader) error {
	sensor := f.Sensor
	if sensor.Kind == 0 {
		sensor = SensorID("zeek")
	}
	host := sensor.Host()
	var enc argus.Encoder
	var record []byte
	for log := zeek.NewReader(in); ; {
		c, err := log.Next()
		if bad, is := errors.AsType[*zeek.LineError](err); is {
			f.Bad++
			f.Problem(f.Imported.File, bad.Line, bad.Err)
			continue
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		f.Records++
		record = enc.AppendRecord(record[:0], &argus.Record{Kind: argus.KindFlow, Cause: c.Flow.Cause, Monitor: sensor, Sequence: uint32(f.Records),
			Has: zeekHas, Flow: c.Flow, Label: c.Label})
		if err := f.add(host, c.Flow.Start, record); err != nil {
			return err
		}
	}
}

// Kinds of an argus.ID (Argus record format, section 2.1).
const kindIPv4, kindIPv6, kindInt, kindString = 0x01, 0x02, 0x20, 0x21

// SensorID reads the identity of a sensor: a UUID, an address, a number, else the first four octets of a word.
func SensorID(text string) (id argus.ID) {
	if u, err := uuid.FromString(text); err == nil {
		return argus.HostID(u)
	}
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		id.Kind = kindInt
		copy(id.Bytes[:], []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		return id
	}
	if a, err := netip.ParseAddr(text); err == nil {
		id.Kind = kindIPv4
		if !a.Is4() {
			id.Kind = kindIPv6
		}
		copy(id.Bytes[:], a.AsSlice())
		return id
	}
	if id.Kind = kindString; text == "" {
		id.Kind = 0
	}
	copy(id.Bytes[:4], text)
	return id
}
