package ocpitest

import (
	"context"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// ClientInfos takes what hubs say about the parties behind them. It implements ocpiserver.ClientInfos. The zero ClientInfos is
// ready.
type ClientInfos struct {
	mu    sync.Mutex
	known map[string][]v230.ClientInfo
}

// Get implements ocpiserver.ClientInfos.
func (c *ClientInfos) Get(_ context.Context, hub *ocpi.Partner, party ocpi.Party) (v230.ClientInfo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, found := v230.ClientInfo{}, false
	for _, info := range c.known[hub.ID] {
		if about(&info) == party && (!found || !info.LastUpdated.Time().Before(last.LastUpdated.Time())) {
			last, found = info, true
		}
	}
	if !found {
		return last, ocpi.ErrNotFound
	}
	return clone(last), nil
}

// Put implements ocpiserver.ClientInfos.
func (c *ClientInfos) Put(_ context.Context, hub *ocpi.Partner, info v230.ClientInfo) (created bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.known[hub.ID] {
		if known := &c.known[hub.ID][i]; about(known) == about(&info) && known.Role == info.Role {
			*known = clone(info)
			return false, nil
		}
	}
	if c.known == nil {
		c.known = map[string][]v230.ClientInfo{}
	}
	c.known[hub.ID] = append(c.known[hub.ID], clone(info))
	return true, nil
}

func about(info *v230.ClientInfo) ocpi.Party {
	return ocpi.NewParty(string(info.CountryCode), string(info.PartyID))
}
