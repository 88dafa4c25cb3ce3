package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

type pushCmd struct {
	Parked pushParkedCmd `cmd:"" help:"List the objects that a partner did not take yet, and why."`
	Retry  pushRetryCmd  `cmd:"" help:"Try objects again now that a partner did not take, and ask a partner that is waited for. The node does it within seconds."`
	Settle pushSettleCmd `cmd:"" help:"Say whether a CDR arrived of which that is not known."`
}

type pushParkedCmd struct{ nameFlags }

// Run lists what is held and parked.
func (c *pushParkedCmd) Run(ctx context.Context, s streams) error {
	data, err := c.existing(ctx)
	if err != nil {
		return err
	}
	partners, err := data.Status(ctx, c.Name)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	n := 0
	for _, lane := range partners[0].Push {
		for i, h := range slices.Concat(lane.Parked, lane.Held) {
			n++
			fmt.Fprintln(s.out, oneLine(heldWords(lane.Module, h, i < len(lane.Parked))))
		}
	}
	if n == 0 {
		fmt.Fprintf(s.out, "Nothing that %s was sent is parked.\n", c.Name)
	}
	return nil
}

// heldWords tell what a partner did not take yet, and why.
func heldWords(module ocpi.ModuleID, h push.Held, parked bool) string {
	when := "parked"
	if !h.Due.IsZero() && !parked {
		when = "again at " + stamp(h.Due)
	}
	switch {
	case h.Unclear && parked:
		when += `; say whether it arrived with "roamwire push settle"`
	case h.Unclear:
		when += ", after asking whether it arrived"
	}
	return fmt.Sprintf("%s %s of %s: %s; %d attempts, the last at %s: %s", module, h.ID, h.Party, when, h.Attempts, stamp(h.Failed), h.Reason)
}

type pushRetryCmd struct {
	nameFlags
	Module string `arg:"" optional:"" help:"Only objects of this module."`
	ID     string `arg:"" optional:"" help:"Only the object with this id."`
}

// Run lets objects be tried again.
func (c *pushRetryCmd) Run(ctx context.Context, s streams) error {
	data, err := c.existing(ctx)
	if err != nil {
		return err
	}
	n, err := data.RetryPushes(ctx, c.Name, ocpi.ModuleID(c.Module), c.ID)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	if n == 0 && c.ID != "" {
		return fmt.Errorf("%s %s does not wait for %s: see \"roamwire push parked %s\"", c.Module, c.ID, c.Name, c.Name)
	}
	fmt.Fprintf(s.out, "%d objects are tried again.\n", n)
	return nil
}

type pushSettleCmd struct {
	nameFlags
	ID         string `arg:"" help:"The id of the CDR."`
	Arrived    bool   `help:"The partner has it." xor:"outcome" required:""`
	NotArrived bool   `help:"The partner does not have it: it is posted again." xor:"outcome" required:""`
}

// Run says what has become of a CDR.
func (c *pushSettleCmd) Run(ctx context.Context, s streams) error {
	data, err := c.existing(ctx)
	if err != nil {
		return err
	}
	outcome, words := push.Arrived, "counts as taken"
	if c.NotArrived {
		outcome, words = push.NotArrived, "is posted again"
	}
	err = data.SettleCDR(ctx, c.Name, c.ID, outcome)
	if err = errors.Join(err, data.Close()); errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("of CDR %s it is not unknown whether %s has it: see \"roamwire push parked %s\"", c.ID, c.Name, c.Name)
	}
	if err == nil {
		fmt.Fprintf(s.out, "CDR %s %s.\n", c.ID, words)
	}
	return err
}
