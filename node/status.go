package node

import (
	"context"
	"slices"

	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/node/telemetry"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

// A Status is where we stand with a partner, and how far what moves between us has come.
type Status struct {
	Partner string           `json:"partner"`
	Roles   []ocpi.PartyRole `json:"roles"`
	Version ocpi.Version     `json:"version,omitempty"`
	State   handshake.State  `json:"state"`
	// Words tell the state for people, with what is under way or has failed.
	Words     string `json:"words"`
	Suspended bool   `json:"suspended,omitzero"`
	// Failure is why the last exchange of credentials failed; empty where it did not.
	Failure string `json:"failure,omitempty"`
	// PushOff and PullOff say why nothing is pushed or pulled by itself; empty where it is.
	PushOff string        `json:"push_off,omitempty"`
	PullOff string        `json:"pull_off,omitempty"`
	Push    []push.Status `json:"push"`
	Pull    []pull.State  `json:"pull"`
}

// Status returns where we stand with a partner, or with all of them where no name is given. It is handshake.ErrUnknown for
// a partner that there is not.
func (d *Data) Status(ctx context.Context, name string) ([]Status, error) {
	relations, err := d.Partners.Relations(ctx)
	if err != nil {
		return nil, err
	}
	pushes, err := d.Pushes(ctx)
	if err != nil {
		return nil, err
	}
	pulls, err := d.Pulls(ctx)
	if err != nil {
		return nil, err
	}
	policies, err := d.Partners.Policies(ctx)
	if err != nil {
		return nil, err
	}
	var all []Status
	for _, r := range relations {
		if name != "" && r.Name != name {
			continue
		}
		s := Status{
			Partner: r.Name, Roles: r.Remote.Roles, Version: r.Remote.Version, State: r.State, Words: r.Words(), Suspended: r.Suspended,
			Push: slices.Clone(pushes), Pull: slices.Clone(pulls),
		}
		if r.Attempt != nil {
			s.Failure = r.Attempt.Failure
		}
		policy := policies[r.Name]
		s.PushOff, s.PullOff = resting(&r, policy.Push.Off), resting(&r, policy.Pull.Off)
		s.Push = slices.DeleteFunc(s.Push, func(p push.Status) bool { return p.Partner != r.Name })
		s.Pull = slices.DeleteFunc(s.Pull, func(p pull.State) bool { return p.Partner != r.Name })
		all = append(all, s)
	}
	if name != "" && len(all) == 0 {
		return nil, handshake.ErrUnknown
	}
	return all, nil
}

// resting says why nothing moves in a direction that may be switched off; empty where it does.
func resting(r *handshake.Relation, off bool) string {
	switch {
	case r.State != handshake.Registered:
		return "the partner is not registered"
	case r.Suspended:
		return "the partner is suspended"
	case off:
		return "its policy says so"
	default:
		return ""
	}
}

// moves are all lanes and pulls, for the metrics.
func (n *Node) moves(ctx context.Context) (telemetry.Moves, error) {
	var moves telemetry.Moves
	pushes, err := n.Pushes(ctx)
	if err != nil {
		return moves, err
	}
	for _, p := range pushes {
		moves.Lanes = append(moves.Lanes, telemetry.Lane{
			Partner: p.Partner, Module: string(p.Module), Backlog: p.Backlog, Held: len(p.Held), Parked: len(p.Parked), Oldest: p.Oldest,
			Sent: p.Sent, LastSuccess: p.LastSuccess, Waiting: !p.WaitsUntil.IsZero(),
		})
	}
	pulls, err := n.Pulls(ctx)
	for _, p := range pulls {
		moves.Pulls = append(moves.Pulls, telemetry.Pull{
			Partner: p.Partner, Module: string(p.Module), LastFull: p.LastFull, LastDelta: p.LastDelta, Objects: p.Objects,
			Refused: p.Last.Refused, Failures: max(p.Failures, p.FullFailures),
		})
	}
	return moves, err
}
