package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/push"
)

type statusCmd struct {
	dataFlag
	Name string `arg:"" optional:"" help:"Our name for the partner. Default: all partners."`
	JSON bool   `help:"Print JSON."`
}

// A status is what moves between us and our partners.
type status struct {
	Push []push.Status `json:"push"`
	Pull []pull.State  `json:"pull"`
}

// Run tells what waits, what was sent and what was pulled.
func (c *statusCmd) Run(ctx context.Context, s streams) error {
	data, err := c.existing(ctx)
	if err != nil {
		return err
	}
	var all status
	all.Push, err = data.Pushes(ctx)
	if err == nil {
		all.Pull, err = data.Pulls(ctx)
	}
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	if c.Name != "" {
		all.Push = slices.DeleteFunc(all.Push, func(p push.Status) bool { return p.Partner != c.Name })
		all.Pull = slices.DeleteFunc(all.Pull, func(p pull.State) bool { return p.Partner != c.Name })
	}
	if c.JSON {
		return json.MarshalWrite(s.out, &all, jsontext.WithIndent("  "))
	}
	if c.Name != "" && len(all.Push)+len(all.Pull) == 0 {
		return fmt.Errorf("nothing moves between us and %s: there is no registered partner of this name", c.Name)
	}
	all.print(s.out, time.Now())
	return nil
}

// print tells it in words. What needs a look has an exclamation mark.
func (s *status) print(w io.Writer, now time.Time) {
	if len(s.Push)+len(s.Pull) == 0 {
		fmt.Fprintln(w, "No registered partner: nothing moves.")
		return
	}
	partner := ""
	for _, line := range s.lines(now) {
		if line.partner != partner {
			partner = line.partner
			fmt.Fprintln(w, partner)
		}
		mark := " "
		if line.attention {
			mark = "!"
		}
		fmt.Fprintf(w, "%s %s %-9s  %s\n", mark, line.direction, line.module, line.words)
	}
}

// A statusLine is one lane, or the pulls of one module.
type statusLine struct {
	partner, direction, module, words string
	attention                         bool
}

func (s *status) lines(now time.Time) []statusLine {
	var lines []statusLine
	for _, p := range s.Push {
		words, attention := pushWords(p, now)
		lines = append(lines, statusLine{p.Partner, "push", string(p.Module), words, attention})
	}
	for _, p := range s.Pull {
		words, attention := pullWords(p, now)
		lines = append(lines, statusLine{p.Partner, "pull", string(p.Module), words, attention})
	}
	slices.SortStableFunc(lines, func(a, b statusLine) int { return cmp.Compare(a.partner, b.partner) })
	return lines
}

func pushWords(p push.Status, now time.Time) (words string, attention bool) {
	words = "up to date"
	if waiting := p.Backlog + len(p.Held); waiting > 0 {
		words = fmt.Sprintf("%d waiting", waiting)
		if !p.Oldest.IsZero() {
			words += ", the oldest for " + span(now.Sub(p.Oldest))
		}
	}
	if p.Sent > 0 {
		words += fmt.Sprintf("; %d sent, the last %s ago", p.Sent, span(now.Sub(p.LastSuccess)))
	}
	words += fmt.Sprintf("; at change %d", p.Cursor)
	if !p.WaitsUntil.IsZero() {
		attention = true
		words += fmt.Sprintf("; waits for the partner, which is asked again at %s", p.WaitsUntil.UTC().Format(time.RFC3339))
	}
	if len(p.Held) > 0 || !p.WaitsUntil.IsZero() {
		words += "; last failure: " + p.LastError
	}
	if len(p.Parked) > 0 {
		attention = true
		words += fmt.Sprintf("; %d parked, such as %s: %s", len(p.Parked), p.Parked[0].ID, p.Parked[0].Reason)
	}
	return words, attention
}

func pullWords(p pull.State, now time.Time) (words string, attention bool) {
	if p.LastFull.IsZero() {
		words = "never complete"
	} else {
		words = fmt.Sprintf("everything %s ago, %d objects", span(now.Sub(p.LastFull)), p.Objects)
	}
	if !p.LastDelta.IsZero() {
		words += fmt.Sprintf("; what is new %s ago", span(now.Sub(p.LastDelta)))
	}
	if !p.Cursor.IsZero() {
		words += "; up to " + p.Cursor.UTC().Format(time.RFC3339)
	}
	if wait := p.Due.Sub(now); wait > 0 {
		words += "; next in " + span(wait)
	}
	if p.IgnoresDateFrom {
		words += "; the partner ignores date_from"
	}
	if len(p.Problems) > 0 {
		attention = true
		words += fmt.Sprintf("; %d not stored, such as %s: %s", p.Last.Refused, p.Problems[0].ID, p.Problems[0].Reason)
	}
	if p.LastError != "" {
		attention = true
		words += fmt.Sprintf("; failed %d times: %s", p.Failures, p.LastError)
	}
	return words, attention
}

// span is a length of time in one unit.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
