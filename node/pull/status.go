package pull

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
)

// States returns how far all pulls have come, from what is on disk.
func States(ctx context.Context, s interface {
	Pulls(ctx context.Context) ([]store.Pull, error)
}) ([]State, error) {
	stored, err := s.Pulls(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]State, len(stored))
	for i, p := range stored {
		if err := json.Unmarshal(p.State, &states[i]); err != nil {
			return nil, fmt.Errorf("read pulls of %s from %s: %w", p.Module, p.Partner, err)
		}
	}
	return states, nil
}
