package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/ocpi"
)

type pullCmd struct {
	nameFlags
	Module string `arg:"" optional:"" help:"The module to pull, as in locations. Default: all that the partner offers and its policy does not leave out."`
	Full   bool   `help:"Pull everything, and not what is new alone."`
}

// Run pulls from a partner now. It works beside a running node: what the node is pulling itself is refused.
func (c *pullCmd) Run(ctx context.Context, s streams) (err error) {
	data, err := c.existing(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	return c.pull(ctx, s, data)
}

func (c *pullCmd) pull(ctx context.Context, s streams, data *node.Data) error {
	puller, err := data.Puller(ctx)
	if err != nil {
		return err
	}
	modules := []ocpi.ModuleID{ocpi.ModuleID(c.Module)}
	if c.Module == "" {
		if modules, err = puller.Modules(ctx, c.Name); err != nil {
			return err
		}
	}
	var failed []error
	for _, module := range modules {
		bar := pullBar{s: s, module: module, began: time.Now()}
		state, err := puller.Pull(ctx, c.Name, module, c.Full, bar.show)
		bar.end()
		if err != nil {
			failed = append(failed, err)
		} else {
			n := state.Last
			fmt.Fprintf(s.out, "%-9s  %d objects: %d new, %d changed, %d the same, %d older than ours, %d not stored, %d gone\n",
				module, bar.objects, n.Created, n.Updated, n.Unchanged, n.Older, n.Refused, n.Gone)
		}
		for _, problem := range state.Problems {
			fmt.Fprintf(s.err, "roamwire: %s %s was not stored: %s\n", module, oneLine(problem.ID), oneLine(problem.Reason))
		}
	}
	return errors.Join(failed...)
}

// A pullBar shows how far a pull is, on a terminal.
type pullBar struct {
	s       streams
	module  ocpi.ModuleID
	began   time.Time
	objects int
	shown   bool
}

const barWidth = 30

func (p *pullBar) show(objects, total int) {
	p.objects = objects
	if !terminal(p.s.err) {
		return
	}
	p.shown = true
	rate := perSecond(objects, time.Since(p.began))
	if total <= 0 {
		fmt.Fprintf(p.s.err, "\r%-9s  %d objects, %d/s ", p.module, objects, rate)
		return
	}
	done := min(barWidth, barWidth*objects/total)
	fmt.Fprintf(p.s.err, "\r%-9s  [%-*s] %d of %d, %d/s ", p.module, barWidth, bar[:done], objects, total, rate)
}

const bar = "##############################"

// perSecond is how many objects that were in a second.
func perSecond(objects int, took time.Duration) int {
	return int(int64(objects) * int64(time.Second) / int64(max(took, time.Millisecond)))
}

func (p *pullBar) end() {
	if p.shown {
		fmt.Fprint(p.s.err, "\r\033[K")
	}
}

// terminal reports whether a person sees what is written.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
