package main

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	lanes, err := data.Pushes(ctx)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	n := 0
	for _, lane := range lanes {
		if lane.Partner != c.Name {
			continue
		}
		for _, held := range [][]push.Held{lane.Parked, lane.Held} {
			for _, h := range held {
				n++
				when := "parked"
				if !h.Due.IsZero() {
					when = "again at " + h.Due.UTC().Format(time.RFC3339)
				}
				fmt.Fprintf(s.out, "%s %s of %s: %s after %d attempts: %s\n", lane.Module, h.ID, h.Party, when, h.Attempts, h.Reason)
			}
		}
	}
	if n == 0 {
		fmt.Fprintf(s.out, "%s has taken everything it was sent.\n", c.Name)
	}
	return nil
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
	fmt.Fprintf(s.out, "%d objects are tried again.\n", n)
	return nil
}
