package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
)

const (
	ownParty     = "DE/ROA"
	partnerParty = "NL/PTN"
	evsesEach    = 3
)

// fill imports the locations and adds a partner.
func (b *bench) fill(ctx context.Context) error {
	originals, err := b.originals()
	if err != nil {
		return err
	}
	file := filepath.Join(b.folder, "locations.jsonl")
	if err := b.writeLocations(originals, file); err != nil {
		return err
	}
	started := time.Now()
	if err := command(ctx, b.program, "import", "locations", file, "--party", ownParty, "--data", b.dataFolder()); err != nil {
		return err
	}
	took := time.Since(started)
	b.add(true, "import of a file", "", "%.0f locations/s (%s)", float64(b.locations)/took.Seconds(), took.Round(time.Millisecond))
	b.token = "benchmark-token"
	return command(ctx, b.program, "partner", "add", "bench", "--party", partnerParty, "--role", "CPO,EMSP", "--token", b.token, "--data", b.dataFolder())
}

func (b *bench) dataFolder() string { return filepath.Join(b.folder, "data") }

// originals are real locations, each with three EVSEs, or sample ones where the real ones are not here.
func (b *bench) originals() ([]v211.Location, error) {
	var locations []v211.Location
	paths, err := filepath.Glob(filepath.Join(b.data, "*-locations-2.1.1.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var some []v211.Location
		if err := json.Unmarshal(raw, &some); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		locations = append(locations, some...)
	}
	if len(locations) == 0 {
		fmt.Fprintln(b.out, "no real data in", b.data, "- using sample locations")
		for n := range 1000 {
			l, _ := convert.LocationTo211(ocpitest.Network(ocpi.NewParty("DE", "ROA")).Location(n+1), convert.Env{})
			locations = append(locations, l)
		}
	}
	for i := range locations {
		locations[i].EVSEs = exactly(evsesEach, locations[i].EVSEs)
	}
	return locations, nil
}

// exactly repeats or cuts EVSEs.
func exactly(n int, evses []v211.EVSE) []v211.EVSE {
	var made []v211.EVSE
	for i := range n {
		e := evses[i%len(evses)]
		e.UID = fmt.Sprintf("%s-%d", e.UID, i+1)
		made = append(made, e)
	}
	return made
}

// writeLocations writes as many locations as are to be stored, and keeps a few for the writes to come.
func (b *bench) writeLocations(originals []v211.Location, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range b.locations {
		l := originals[i%len(originals)]
		l.ID = fmt.Sprintf("%s-%d", l.ID, i)
		raw, err := json.Marshal(&l)
		if err != nil {
			return err
		}
		if i < len(originals) {
			b.documents = append(b.documents, slices.Clone(raw))
		}
		_, _ = w.Write(append(bytes.TrimSpace(raw), '\n')) // Flush tells
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// uids are the uid of the first EVSE of each document.
func (b *bench) uids() ([]string, error) {
	uids := make([]string, len(b.documents))
	for i, document := range b.documents {
		var location struct {
			EVSEs []struct {
				UID string `json:"uid"`
			} `json:"evses"`
		}
		if err := json.Unmarshal(document, &location); err != nil {
			return nil, err
		}
		uids[i] = location.EVSEs[0].UID
	}
	return uids, nil
}
