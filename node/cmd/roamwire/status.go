package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/push"
)

type statusCmd struct {
	dataFlag
	Name string `arg:"" optional:"" help:"Our name for the partner. Default: all partners."`
	JSON bool   `help:"Print JSON."`
}

// Run tells what waits, what was sent and what was pulled.
func (c *statusCmd) Run(ctx context.Context, s streams) error {
	data, err := c.existing(ctx)
	if err != nil {
		return err
	}
	partners, err := data.Status(ctx, c.Name)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	if !c.JSON {
		printStatus(s.out, partners, time.Now())
		return nil
	}
	err = json.MarshalWrite(s.out, struct {
		Partners []node.Status `json:"partners"`
	}{partners}, jsontext.WithIndent("  "))
	fmt.Fprintln(s.out)
	return err
}

// printStatus tells it in words. What needs a person has an exclamation mark.
func printStatus(w io.Writer, partners []node.Status, now time.Time) {
	if len(partners) == 0 {
		fmt.Fprintln(w, "No partner yet: nothing moves.")
		return
	}
	for _, p := range partners {
		statusLine{words: partnerWords(p), attention: p.Failure != ""}.print(w)
		for _, lane := range p.Push {
			pushLine(lane, now).print(w)
		}
		for _, pulls := range p.Pull {
			if p.PullOff != "" {
				pulls.Due = time.Time{} // it will not be
			}
			pullLine(pulls, now).print(w)
		}
		for _, words := range restWords(p) {
			fmt.Fprintln(w, "    "+words)
		}
	}
}

// restWords say what does not move, and why.
func restWords(p node.Status) []string {
	nothing := len(p.Push)+len(p.Pull) == 0
	switch {
	case p.PushOff == p.PullOff && p.PushOff != "":
		return []string{"nothing is pushed or pulled: " + p.PushOff}
	case p.PushOff != "":
		return []string{"nothing is pushed: " + p.PushOff}
	case p.PullOff != "":
		return []string{"nothing is pulled: " + p.PullOff}
	case nothing:
		return []string{"nothing is pushed or pulled"}
	default:
		return nil
	}
}

// partnerWords say who a partner is and where we stand with it.
func partnerWords(p node.Status) string {
	words := p.Partner
	if len(p.Roles) > 0 {
		words += ": " + partyRoles(p.Roles)
	}
	if p.Version != "" {
		words += ", OCPI " + string(p.Version)
	}
	return words + ", " + p.Words
}

// A statusLine is a partner, one of its lanes, or the pulls of a module.
type statusLine struct {
	// way is push or pull; empty for the partner.
	way, module, words string
	attention          bool
}

func (l statusLine) print(w io.Writer) {
	mark := " "
	if l.attention {
		mark = "!"
	}
	if l.way == "" {
		fmt.Fprintf(w, "%s %s\n", mark, oneLine(l.words))
		return
	}
	fmt.Fprintf(w, "%s   %s %-9s  %s\n", mark, l.way, l.module, oneLine(l.words))
}

func pushLine(p push.Status, now time.Time) statusLine {
	words := "up to date"
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
		words += fmt.Sprintf("; waits for the partner, which is asked again at %s after %d failures", stamp(p.WaitsUntil), p.Failures)
	}
	switch {
	case p.LastError == "":
	case len(p.Held) > 0 || !p.WaitsUntil.IsZero():
		words += "; last failure: " + p.LastError
	default:
		words += "; last failure " + ago(p.LastFailure, now)
	}
	if len(p.Parked) > 0 {
		words += fmt.Sprintf("; %d parked, such as %s: %s", len(p.Parked), p.Parked[0].ID, p.Parked[0].Reason)
	}
	return statusLine{way: "push", module: string(p.Module), words: words, attention: needsLook(p)}
}

// muchRefused is how often a partner has refused a CDR that a person should know of: CDRs are never parked for that.
const muchRefused = 3

// needsLook reports whether a person should look at a lane.
func needsLook(p push.Status) bool {
	return !p.WaitsUntil.IsZero() || len(p.Parked) > 0 ||
		slices.ContainsFunc(p.Held, func(h push.Held) bool { return h.Refused >= muchRefused })
}

func pullLine(p pull.State, now time.Time) statusLine {
	words := "never complete"
	if !p.LastFull.IsZero() {
		words = fmt.Sprintf("everything %s ago, %d objects", span(now.Sub(p.LastFull)), p.Objects)
	}
	if !p.LastDelta.IsZero() {
		words += fmt.Sprintf("; what is new %s ago", span(now.Sub(p.LastDelta)))
	}
	if !p.Cursor.IsZero() {
		words += "; up to " + stamp(p.Cursor)
	}
	if wait := p.Due.Sub(now); wait > 0 {
		words += "; next in " + span(wait)
	}
	if p.IgnoresDateFrom {
		words += "; the partner ignores date_from"
	}
	if p.Mixed {
		words += "; the lists of its parties have each other's objects in them"
	}
	troubles := pullTroubles(p, now)
	for _, trouble := range troubles {
		words += "; " + trouble
	}
	return statusLine{way: "pull", module: string(p.Module), words: words, attention: len(troubles) > 0}
}

// pullTroubles are what a person should know of.
func pullTroubles(p pull.State, now time.Time) (troubles []string) {
	say := func(format string, args ...any) { troubles = append(troubles, fmt.Sprintf(format, args...)) }
	for _, short := range []pull.Short{p.ShortFull, p.ShortDelta} {
		if short.Habit() {
			say("the partner counts what it does not list: %s, %d times in a row", short, short.Lists)
		}
	}
	if p.Shrunk.Pulls > 0 {
		say("it had %d objects before, and what is missing is not removed yet", p.Shrunk.From)
	}
	if p.Unproven != "" {
		say("what has vanished is not known: %s", p.Unproven)
	}
	if len(p.Problems) > 0 {
		say("%d not stored, such as %s: %s", max(p.Last.Refused, len(p.Problems)), p.Problems[0].ID, p.Problems[0].Reason)
	}
	if p.LastError != "" {
		say("failed %d times, last %s: %s", p.Failures, ago(p.LastFailure, now), p.LastError)
	}
	if p.FullError != "" && p.FullError != p.LastError {
		say("everything failed %d times: %s", p.FullFailures, p.FullError)
	}
	return troubles
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
