package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// versionRounds is how often the versions are measured in turn.
const versionRounds = 3

// A versionPages is what a partner of one version asks for, and how fast it gets it.
type versionPages struct {
	version ocpi.Version
	links   []string
	bytes   int
	// first is how many first pages come in a second, which are remembered; anywhere how many of those all over the list.
	first, anywhere float64
}

// ready lists locations in every version, each for the first time, and waits until all are ready for it.
func (b *bench) ready(ctx context.Context) error {
	fmt.Fprintln(b.out, "the first partner of each version")
	for _, v := range ocpi.Versions() {
		begun := time.Now()
		if _, _, err := b.get(ctx, http.DefaultClient, b.at(fmt.Sprintf("/cpo/%s/locations?limit=%d", v, pageSize))); err != nil {
			return err
		}
		first := time.Since(begun)
		for {
			metrics, err := b.metrics(ctx)
			if err != nil {
				return err
			}
			if rendering, ok := metrics["roamwire_rendering"]; !ok {
				return errors.New("the node does not tell whether it is rendering")
			} else if rendering == 0 {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		b.add(true, "the first page that anybody gets in "+string(v), "", "%s; all locations are ready after %s",
			first.Round(time.Millisecond), time.Since(begun).Round(100*time.Millisecond))
	}
	return nil
}

// versions compares pages of an older version with pages of the model's own, in turn.
func (b *bench) versions(ctx context.Context) error {
	fmt.Fprintln(b.out, "pages in each version")
	var all []*versionPages
	for _, v := range ocpi.Versions() {
		p := &versionPages{version: v}
		url := b.at(fmt.Sprintf("/cpo/%s/locations?limit=%d", v, pageSize))
		body, _, err := b.get(ctx, http.DefaultClient, url)
		if err != nil {
			return err
		}
		p.bytes = len(body)
		if p.links, err = b.crawl(ctx, url); err != nil {
			return err
		}
		all = append(all, p)
	}
	for range versionRounds {
		for _, p := range all {
			first, err := b.generate(ctx, b.readers, 0, func(int) (string, string, []byte) { return http.MethodGet, p.links[0], nil })
			if err != nil {
				return err
			}
			anywhere, err := b.generate(ctx, b.readers, 0, func(int) (string, string, []byte) {
				return http.MethodGet, p.links[rand.IntN(len(p.links))], nil
			})
			if err != nil {
				return err
			}
			p.first += first.rate / versionRounds
			p.anywhere += anywhere.rate / versionRounds
		}
	}
	own := all[len(all)-1]
	if own.version != ocpi.V230 {
		return fmt.Errorf("the model's own version is %s, the last is %s", ocpi.V230, own.version)
	}
	b.add(true, "GET the first page in "+string(own.version), "", "%.0f/s (%d kB)", own.first, own.bytes/1000)
	b.add(true, fmt.Sprintf("GET any of %d pages in %s", len(own.links), own.version), "", "%.0f/s, %s each", own.anywhere, each(own.anywhere))
	for _, p := range all[:len(all)-1] {
		b.cost("GET the first page in "+string(p.version), p.first, own.first, p.bytes)
		b.cost(fmt.Sprintf("GET any of %d pages in %s", len(p.links), p.version), p.anywhere, own.anywhere, p.bytes)
	}
	return nil
}

// cost tells how much longer a page takes than one of the model's own.
func (b *bench) cost(what string, rate, own float64, bytes int) {
	ratio := own / rate
	b.add(ratio <= 1.2, what, "at most 1.2x of 2.3.0", "%.2fx (%.0f/s, %s each, %d kB)", ratio, rate, each(rate), bytes/1000)
}

// each is the time that one of so many in a second takes.
func each(rate float64) time.Duration {
	return time.Duration(float64(time.Second) / rate).Round(time.Microsecond)
}
