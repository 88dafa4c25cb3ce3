package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Two nodes in this process, between which data moves.
const (
	cpoName, emspName = "cpo", "emsp"
	changesPerSecond  = 100
)

// betweenNodes measures a pull of everything and how long a status takes from one node to the other.
func (b *bench) betweenNodes(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cpoParty, emspParty := ocpi.NewParty("NL", "GPE"), ocpi.NewParty("DE", "GWH")
	cpo, err := b.nodeOf(ctx, cpoName, cpoParty, ocpi.RoleCPO)
	if err != nil {
		return err
	}
	emsp, err := b.nodeOf(ctx, emspName, emspParty, ocpi.RoleEMSP)
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- cpo.Run(ctx) }()
	go func() { ended <- emsp.Run(ctx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended, <-ended)
	}()
	network := ocpitest.Network(cpoParty)
	for i := 1; i <= b.locations; i += 100 {
		var items []object.Item[v230.Location]
		for n := i; n < i+100; n++ {
			l := network.Location(n)
			items = append(items, object.Item[v230.Location]{Party: cpoParty, Object: l})
		}
		if _, err := cpo.Objects.Locations.Put(ctx, items...); err != nil {
			return err
		}
	}
	if err := introduced(ctx, cpo, emsp); err != nil {
		return err
	}
	if err := b.pulled(ctx, emsp); err != nil {
		return err
	}
	return b.latency(ctx, cpo, network, cpoParty)
}

func (b *bench) nodeOf(ctx context.Context, name string, party ocpi.Party, role ocpi.Role) (*node.Node, error) {
	return node.New(ctx, node.Config{
		Data: filepath.Join(b.folder, "moving-"+name), Listen: "127.0.0.1:0", AllowPrivate: true,
		Parties: []node.Party{{Party: party, Roles: []ocpi.Role{role}}},
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

// introduced registers the two; pushes begin with what changes from then on.
func introduced(ctx context.Context, cpo, emsp *node.Node) error {
	atCPO, err := cpo.Registration(ctx)
	if err != nil {
		return err
	}
	token, err := atCPO.Invite(ctx, emspName, handshake.Terms{})
	if err != nil {
		return err
	}
	err = cpo.Partners.ChangePolicy(ctx, emspName, func(p *partner.Policy) error {
		p.Push.FromNow = true
		return nil
	})
	if err != nil {
		return err
	}
	url, err := cpo.VersionsURL(ctx, ocpi.RoleEMSP)
	if err != nil {
		return err
	}
	atEMSP, err := emsp.Registration(ctx)
	if err != nil {
		return err
	}
	return atEMSP.Register(ctx, cpoName, handshake.Invitation{VersionsURL: url, Token: token})
}

// pulled waits until the eMSP has pulled everything by itself.
func (b *bench) pulled(ctx context.Context, emsp *node.Node) error {
	began := time.Now()
	var most uint64
	for {
		states, err := emsp.Pulls(ctx)
		if err != nil {
			return err
		}
		for _, s := range states {
			if s.Module == ocpi.ModuleLocations && !s.LastFull.IsZero() {
				took := time.Since(began)
				limit := time.Minute * time.Duration(b.locations) / 100_000
				_, peak, err := residentOf(os.Getpid())
				if err != nil {
					return err
				}
				b.add(took < limit && peak <= 238, fmt.Sprintf("pull of %d locations on registration, limit 100, both nodes in one process", s.Objects),
					"under 60 s for 100,000, under 250 MB, which are 238 MiB", "%s; heap at most %d MiB and resident at most %d MiB for both nodes", took.Round(100*time.Millisecond), most>>20, peak)
				return nil
			}
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// latency changes statuses at a steady pace, and asks the eMSP for every tenth until it has it.
func (b *bench) latency(ctx context.Context, cpo *node.Node, network ocpitest.Sample, party ocpi.Party) error {
	h, err := cpo.Registration(ctx)
	if err != nil {
		return err
	}
	client, err := h.Client(ctx, emspName)
	if err != nil {
		return err
	}
	changes := int(b.duration.Seconds()) * changesPerSecond
	seen := make(chan time.Duration, changes)
	failed := make(chan error, changes)
	pace := time.NewTicker(time.Second / changesPerSecond)
	defer pace.Stop()
	asked := 0
	for i := range changes {
		<-pace.C
		l := network.Location(1 + i%b.locations)
		if len(l.EVSEs) == 0 {
			continue
		}
		key, uid := ocpi.Key{Party: party, ID: string(l.ID)}, string(l.EVSEs[0].UID)
		began := time.Now()
		if _, _, err := cpo.Objects.SetStatus(ctx, key, uid, v230.StatusOutOfOrder, began); err != nil {
			return err
		}
		if i%10 == 0 {
			asked++
			go func() { failed <- seenAt(ctx, client, key, uid, began, seen) }()
		}
	}
	var took []time.Duration
	for range asked {
		if err := <-failed; err != nil {
			lanes, _ := cpo.Pushes(ctx)
			return fmt.Errorf("%w; lanes: %+v", err, lanes)
		}
		took = append(took, <-seen)
	}
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	b.add(p50 < 100*time.Millisecond && p99 < time.Second, "a status from node to node, 100 changes/s", "p50 < 100 ms, p99 < 1 s",
		"p50 %s, p99 %s (asked every 5 ms for every tenth)", p50.Round(time.Millisecond), p99.Round(time.Millisecond))
	return nil
}

// seenAt asks until the eMSP has the status, and says how long that took.
func seenAt(ctx context.Context, client *ocpiclient.Client, key ocpi.Key, uid string, began time.Time, seen chan<- time.Duration) error {
	for time.Since(began) < 30*time.Second {
		evse, err := client.EMSP().Locations.GetEVSE(ctx, key, uid)
		if err != nil {
			return err
		}
		if evse.Status == v230.StatusOutOfOrder {
			seen <- time.Since(began)
			return nil
		}
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s/%s has not arrived within 30 s", key.ID, uid)
}
