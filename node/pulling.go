package node

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var _ pull.Store = (*sqlite.DB)(nil)

// Puller returns what pulls from partners, in the name of the node that serves with this data.
func (d *Data) Puller(ctx context.Context) (*pull.Puller, error) {
	h, err := d.Registration(ctx)
	if err != nil {
		return nil, err
	}
	return d.newPuller(h), nil
}

func (d *Data) newPuller(h *handshake.Handshake) *pull.Puller {
	locations, tariffs := object.ReceivedLocations(d.db), object.ReceivedTariffs(d.db)
	sessions, cdrs, tokens := object.ReceivedSessions(d.db), object.NewReceivedCDRs(d.db), object.ReceivedTokens(d.db)
	return pull.New(pull.Config{
		Store: d.db, Partners: d.pullPartners, Client: h.Client, Holder: processName(), Logger: d.config.Logger, Now: d.config.Now,
		Finished: d.tellPulled,
		Takers: map[ocpi.ModuleID]pull.Taker{
			ocpi.ModuleLocations: taker[v230.Location]{
				list:     func(c *ocpiclient.Client) ocpiclient.Sender[v230.Location] { return c.CPO().Locations.Sender },
				received: locations, now: d.config.Now,
				remove: func(ctx context.Context, from *ocpi.Partner, key ocpi.Key, evses []string, at time.Time) error {
					return object.RemoveEVSEs(ctx, locations, from, key, evses, at)
				},
			},
			ocpi.ModuleTariffs: taker[v230.Tariff]{
				list:     func(c *ocpiclient.Client) ocpiclient.Sender[v230.Tariff] { return c.CPO().Tariffs },
				received: tariffs, now: d.config.Now,
				remove: func(ctx context.Context, from *ocpi.Partner, key ocpi.Key, _ []string, _ time.Time) error {
					return tariffs.Delete(ctx, from, key)
				},
			},
			ocpi.ModuleSessions: taker[v230.Session]{
				list:     func(c *ocpiclient.Client) ocpiclient.Sender[v230.Session] { return c.CPO().Sessions },
				received: sessions, now: d.config.Now, remove: neverRemoved,
			},
			ocpi.ModuleCDRs: taker[v230.CDR]{
				list:     func(c *ocpiclient.Client) ocpiclient.Sender[v230.CDR] { return c.CPO().CDRs },
				received: cdrs, now: d.config.Now, remove: neverRemoved,
			},
			ocpi.ModuleTokens: taker[v230.Token]{
				list:     func(c *ocpiclient.Client) ocpiclient.Sender[v230.Token] { return c.EMSP().Tokens.Sender },
				received: tokens, now: d.config.Now,
				remove: func(ctx context.Context, from *ocpi.Partner, key ocpi.Key, _ []string, _ time.Time) error {
					return tokens.Update(ctx, from, key, func(t *v230.Token) error {
						t.Valid = false
						return nil
					})
				},
			},
		},
	})
}

// Pulls returns how far the pulls from all partners have come.
func (d *Data) Pulls(ctx context.Context) ([]pull.State, error) { return pull.States(ctx, d.db) }

// processName tells this process from all others.
func processName() string {
	host, _ := os.Hostname() // is for people
	return fmt.Sprintf("process %d on %s (%s)", os.Getpid(), host, handshake.NewToken()[:8])
}

// A taker is the pull.Taker of one module.
type taker[T any] struct {
	list func(*ocpiclient.Client) ocpiclient.Sender[T]
	// received is where they go.
	received interface {
		Latest(ctx context.Context, from *ocpi.Partner) (int64, error)
		Take(ctx context.Context, from *ocpi.Partner, list object.Fetched[T]) (object.Taken, error)
	}
	now    func() time.Time
	remove func(ctx context.Context, from *ocpi.Partner, key ocpi.Key, evses []string, at time.Time) error
}

// neverRemoved is for objects that have happened.
func neverRemoved(context.Context, *ocpi.Partner, ocpi.Key, []string, time.Time) error { return nil }

// Pages implements pull.Taker.
func (t taker[T]) Pages(ctx context.Context, c *ocpiclient.Client, from *ocpi.Partner, q ocpi.Query, each func(pull.Page) error) error {
	since, err := t.received.Latest(ctx, from) // before each page is asked for
	if err != nil {
		return err
	}
	for page, err := range t.list(c).Pages(ctx, q) {
		if err != nil {
			return err
		}
		taken, err := t.received.Take(ctx, from, object.Fetched[T]{Objects: page.Items, Since: since, At: t.now()})
		if err != nil {
			return err
		}
		if err := each(pageOf(&page, &taken)); err != nil {
			return err
		}
		if since, err = t.received.Latest(ctx, from); err != nil {
			return err
		}
	}
	return nil
}

// pageOf says what became of a page.
func pageOf[T any](page *ocpiclient.Page[T], taken *object.Taken) pull.Page {
	p := pull.Page{
		Position: page.Position, Total: page.Total, Objects: len(page.Items) + len(page.Problems),
		More: page.Next != "", Next: page.NextOffset,
		Missing: page.Missing, NoList: page.NoList, Time: page.Time, Size: page.Size,
		Keys: taken.Keys, Newest: taken.Newest, Oldest: taken.Oldest, MissingEVSEs: taken.MissingEVSEs,
		Counts: pull.Counts{
			Created: taken.Created, Updated: taken.Updated, Unchanged: taken.Unchanged, Older: taken.Older,
			Refused: len(taken.Refused) + len(page.Problems),
		},
	}
	for _, refused := range taken.Refused {
		p.Problems = append(p.Problems, pull.Problem{ID: refused.ID, Reason: refused.Reason.Error()})
	}
	for _, problem := range page.Problems {
		if exact(problem.ID) {
			p.Named = append(p.Named, problem.ID)
		} else {
			p.Unnamed = true
		}
		p.Problems = append(p.Problems, pull.Problem{ID: problem.ID, Reason: problem.Error()})
	}
	return p
}

// exact reports whether the id of an object that could not be read is the one the partner wrote, and was not shortened or
// masked for people to read.
func exact(id string) bool {
	const longest = 100 // more than any version allows
	return id != "" && len(id) <= longest && !strings.ContainsAny(id, " …\ufffd") && !strings.Contains(id, "***")
}

// Remove implements pull.Taker.
func (t taker[T]) Remove(ctx context.Context, from *ocpi.Partner, key store.Key, evses []string, at time.Time) error {
	return t.remove(ctx, from, ocpi.Key{Party: key.Party, ID: key.ID, TokenType: key.TokenType}, evses, at)
}

// pullPartners are the registered partners, as pulls see them.
func (d *Data) pullPartners(ctx context.Context) ([]pull.Partner, error) {
	relations, err := d.Partners.Relations(ctx)
	if err != nil {
		return nil, err
	}
	policies, err := d.Partners.Policies(ctx)
	if err != nil {
		return nil, err
	}
	var partners []pull.Partner
	for i := range relations {
		rel := &relations[i]
		if rel.State != handshake.Registered || rel.Suspended || len(rel.Remote.Roles) == 0 {
			continue
		}
		policy := policies[rel.Name]
		p := pull.Partner{Partner: rel.Partner(), Since: rel.Since, Policy: pull.Policy{
			Off: policy.Pull.Off, Except: policy.Pull.Except, Every: policy.Pull.Every, FullEvery: policy.Pull.FullEvery,
			GoneAfter: policy.Pull.GoneAfter, Limit: policy.Pull.Limit,
		}}
		p.Receive = policy.Receive
		for _, e := range rel.Remote.Endpoints {
			if (e.Role == "" || e.Role == ocpi.Sender) && !slices.Contains(p.Modules, e.Module) {
				p.Modules = append(p.Modules, e.Module)
			}
		}
		partners = append(partners, p)
	}
	return partners, nil
}
