package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/ocpi"
)

type pushCmd struct {
	Parked pushParkedCmd `cmd:"" help:"List the objects that a partner did not take yet, and why."`
	Retry  pushRetryCmd  `cmd:"" help:"Try objects again now that a partner did not take. The node does it within seconds."`
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
		for _, h := range slices.Concat(lane.Parked, lane.Held) {
			n++
			fmt.Fprintln(s.out, oneLine(heldWords(lane.Module, h)))
		}
	}
	if n == 0 {
		fmt.Fprintf(s.out, "Nothing that %s was sent is parked.\n", c.Name)
	}
	return nil
}

// heldWords tell what a partner did not take yet, and why.
func heldWords(module ocpi.ModuleID, h push.Held) string {
	when := "parked"
	if !h.Due.IsZero() {
		when = "again at " + stamp(h.Due)
	}
	if h.Unclear {
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
