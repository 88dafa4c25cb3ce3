package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/ocpi"
)

type logCmd struct {
	dataFlag
	Partner   string    `help:"Only messages to and from this partner." placeholder:"NAME"`
	Direction string    `help:"Only what partners sent us (in), or what we sent them (out)." enum:"in,out," default:"" placeholder:"in|out"`
	Module    string    `help:"Only this module, such as locations or credentials." placeholder:"NAME"`
	Object    string    `help:"Only messages about the object with this id, such as LOC1 or LOC1/EVSE1; of a token, its uid." placeholder:"ID"`
	ID        string    `help:"Only the messages with this X-Request-ID or X-Correlation-ID." name:"id" placeholder:"ID"`
	Status    []string  `help:"Only these statuses: of HTTP (404, 4xx), of OCPI (2001, 2xxx), or failed. Can be repeated." placeholder:"STATUS"`
	Since     sinceFlag `help:"Only messages since then: 10m, 2h, 7d, or a time such as 2026-01-31T12:00 in UTC." placeholder:"TIME"`
	Limit     int       `help:"At most so many, the newest; 0 for all." default:"100" placeholder:"N"`
	Follow    bool      `help:"Go on with messages as they are recorded, until interrupted." short:"f"`
	Bodies    bool      `help:"Show URLs, ids, bodies, findings and losses, too."`
	JSON      bool      `help:"Write JSON lines." name:"json"`
	// The setting of the node, to say so where nothing is recorded.
	ExchangeLog bool `hidden:"" default:"true" negatable:""`
}

// Help is what log --help teaches beside its flags.
func (logCmd) Help() string {
	return `The node records every message between us and our partners in the data folder, masked: credentials leave nothing, uids of
tokens and ids of contracts their ends. A uid finds its token all the same, with others that have the same ends. The record
can be read while the node serves or while it does not. How much of it is kept is set by the flags of "roamwire serve" that
begin with --exchange.

Example:
  roamwire log --partner greenwheels --status failed --since 2h --bodies`
}

// Run prints what has been recorded.
func (l *logCmd) Run(ctx context.Context, s streams) error {
	filter, err := l.filter(time.Now())
	if err != nil {
		return err
	}
	out := &logPrinter{out: s.out, bodies: l.Bodies, json: l.JSON}
	if l.Follow {
		return l.follow(ctx, s, filter, out)
	}
	log, err := sqlitelog.OpenReader(ctx, node.ExchangeFile(l.Data))
	if errors.Is(err, fs.ErrNotExist) {
		return l.nothing()
	}
	if err != nil {
		return err
	}
	records, err := log.List(ctx, filter)
	if err = errors.Join(err, log.Close()); err != nil {
		return err
	}
	if !l.ExchangeLog {
		fmt.Fprintln(s.err, "messages are not recorded at present: exchange-log is off")
	}
	if len(records) == 0 {
		fmt.Fprintln(s.err, "no message is recorded that fits")
	}
	return out.print(records)
}

func (l *logCmd) filter(now time.Time) (exchange.Filter, error) {
	if l.Limit < 0 {
		return exchange.Filter{}, fmt.Errorf("the limit cannot be negative")
	}
	f := exchange.Filter{
		Partner: l.Partner, Direction: ocpi.Direction(l.Direction), Module: ocpi.ModuleID(l.Module), Object: l.Object,
		MessageID: l.ID, Since: l.Since.from(now), Limit: l.Limit, Bodies: l.Bodies,
	}
	for _, text := range l.Status {
		status, err := exchange.ParseStatus(text)
		if err != nil {
			return f, err
		}
		f.Status = append(f.Status, status)
	}
	return f, nil
}

func (l *logCmd) nothing() error {
	if !l.ExchangeLog {
		return fmt.Errorf("no message is recorded in %s: exchange-log is off", l.Data)
	}
	return fmt.Errorf("no message is recorded in %s: the record begins with the first message after \"roamwire serve\", unless exchange-log is off", l.Data)
}

// followEvery is how often a log that is followed is looked at.
const followEvery = 250 * time.Millisecond

// follow prints what is recorded until ctx ends. The file may come later, and another may take its place.
func (l *logCmd) follow(ctx context.Context, s streams, filter exchange.Filter, out *logPrinter) (err error) {
	tail := &logTail{path: node.ExchangeFile(l.Data), filter: filter}
	defer func() { err = errors.Join(err, tail.close()) }()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for waiting := false; ; {
		records, err := tail.next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil // interrupted, as it should be
		case errors.Is(err, fs.ErrNotExist) && !waiting:
			fmt.Fprintln(s.err, "waiting for", tail.path)
			waiting = true
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err := out.print(records); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// A logTail reads a log from where it was last.
type logTail struct {
	path   string
	filter exchange.Filter
	log    *sqlitelog.Log
}

// next returns what was recorded since the last call; at first the newest.
func (t *logTail) next(ctx context.Context) ([]exchange.Record, error) {
	if t.log != nil && t.log.Replaced() {
		if err := t.close(); err != nil {
			return nil, err
		}
	}
	if t.log == nil {
		log, err := sqlitelog.OpenReader(ctx, t.path)
		if err != nil {
			return nil, err
		}
		t.log = log
	}
	records, err := t.log.List(ctx, t.filter)
	if n := len(records); n > 0 {
		t.filter.After, t.filter.Limit = records[n-1].ID, 0
	}
	return records, err
}

func (t *logTail) close() error {
	if t.log == nil {
		return nil
	}
	err := t.log.Close()
	t.log = nil
	return err
}

// A sinceFlag is a time as typed: so long ago, or a date with or without a time of day in UTC.
type sinceFlag struct {
	ago ageFlag
	at  time.Time
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *sinceFlag) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.Parse(layout, string(text)); err == nil {
			s.at = at
			return nil
		}
	}
	if err := s.ago.UnmarshalText(text); err != nil || s.ago < 0 {
		return fmt.Errorf("%q is neither a time such as 10m, 2h or 7d nor one such as 2026-01-31T12:00", text)
	}
	return nil
}

// from is the time that is meant; none for a flag that was not given.
func (s *sinceFlag) from(now time.Time) time.Time {
	if s.ago > 0 {
		return now.Add(-time.Duration(s.ago))
	}
	return s.at
}
