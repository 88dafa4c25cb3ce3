package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// exchanges compares the node that records every message, as it does by default, with one that does not: the same loads
// on the same data, in turn.
func (b *bench) exchanges(ctx context.Context) error {
	fmt.Fprintln(b.out, "the record of messages")
	const rounds = 5
	with, without := rates{}, rates{}
	for range rounds {
		if err := b.measureWith(ctx, without, "--no-exchange-log"); err != nil {
			return err
		}
		if err := b.measureWith(ctx, with, "--exchange-log"); err != nil {
			return err
		}
	}
	for _, load := range []string{firstPage, patch} {
		r := with[load]
		ratio := r.rate / without[load].rate
		b.add(ratio >= 0.8, load+" with the record of messages", "0.8x of without", "%.2fx (%.0f/s and %.0f/s; of %d messages %d recorded, %d of them without bodies)",
			ratio, r.rate/rounds, without[load].rate/rounds, r.recorded+r.dropped, r.recorded, r.withoutBodies)
	}
	return nil
}

const (
	firstPage = "GET the first page"
	patch     = "PATCH of an EVSE status"
)

// rates are what was reached under each load, added up.
type rates map[string]reached

type reached struct {
	rate                             float64
	recorded, dropped, withoutBodies int
}

// measureWith starts the node anew with a flag and puts both loads on it.
func (b *bench) measureWith(ctx context.Context, sums rates, flag string) error {
	if err := b.stop(); err != nil {
		return err
	}
	var err error
	if b.node, err = b.launchNode(ctx, flag); err != nil {
		return err
	}
	for name, generate := range map[string]func(context.Context) (load, error){
		firstPage: func(ctx context.Context) (load, error) {
			return b.generate(ctx, b.readers, 0, func(int) (string, string, []byte) { return http.MethodGet, b.firstPage(), nil })
		},
		patch: b.generatePatches,
	} {
		before, err := b.counted(ctx)
		if err != nil {
			return err
		}
		l, err := generate(ctx)
		if err != nil {
			return err
		}
		after, err := b.settled(ctx)
		if err != nil {
			return err
		}
		sum := sums[name]
		sum.rate += l.rate
		sum.recorded += after["recorded"] - before["recorded"]
		sum.dropped += after["dropped"] - before["dropped"]
		sum.withoutBodies += after["without_bodies"] - before["without_bodies"]
		sums[name] = sum
	}
	return nil
}

// settled are the counters when all that was queued has been written.
func (b *bench) settled(ctx context.Context) (map[string]int, error) {
	for last := -1; ; {
		counts, err := b.counted(ctx)
		if err != nil || counts["recorded"] == last {
			return counts, err
		}
		last = counts["recorded"]
		time.Sleep(500 * time.Millisecond)
	}
}

// counted are the node's counters of exchanges.
func (b *bench) counted(ctx context.Context) (map[string]int, error) {
	metrics, err := b.metrics(ctx)
	counts := map[string]int{}
	for name, n := range metrics {
		if name, ours := strings.CutPrefix(name, "roamwire_exchanges_"); ours {
			counts[strings.TrimSuffix(name, "_total")] = int(n)
		}
	}
	return counts, err
}

// metrics are the node's metrics that have no labels.
func (b *bench) metrics(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	metrics := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			metrics[name] = n
		}
	}
	return metrics, nil
}
