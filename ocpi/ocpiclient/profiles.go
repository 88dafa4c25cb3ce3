package ocpiclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// ChargingProfiles asks a CPO about the charging profiles of its sessions, since 2.2. What it returns is the CPO's own answer;
// where that is ACCEPTED, the result of the EVSE comes to the response URL later (requirements DP-01 to DP-04). A session that the
// CPO does not know is the answer UNKNOWN_SESSION.
type ChargingProfiles struct {
	client *Client
}

// ChargingProfiles returns the calls to a partner that is a CPO, about charging profiles.
func (c *Client) ChargingProfiles() ChargingProfiles { return ChargingProfiles{c} }

// Get asks which profile is active for a time from now, in whole seconds; an ActiveChargingProfileResult follows.
func (p ChargingProfiles) Get(ctx context.Context, sessionID string, duration time.Duration, responseURL string) (v230.ChargingProfileResponse, error) {
	seconds := strconv.FormatInt(int64(max(duration, time.Second)/time.Second), 10)
	r, err := p.request(http.MethodGet, sessionID, url.Values{"duration": {seconds}, "response_url": {responseURL}})
	if err != nil {
		return v230.ChargingProfileResponse{}, err
	}
	return p.ask(ctx, r)
}

// Set sets a profile, in the place of one that was set before; a ChargingProfileResult follows.
func (p ChargingProfiles) Set(ctx context.Context, sessionID string, request v230.SetChargingProfile) (v230.ChargingProfileResponse, error) {
	r, err := p.request(http.MethodPut, sessionID, nil)
	if err == nil {
		err = write(p.client, &r, p.client.codecs.SetChargingProfiles, request, convert.Env{})
	}
	if err != nil {
		return v230.ChargingProfileResponse{}, err
	}
	return p.ask(ctx, r)
}

// Clear removes the profile that was set; a ClearProfileResult follows.
func (p ChargingProfiles) Clear(ctx context.Context, sessionID, responseURL string) (v230.ChargingProfileResponse, error) {
	r, err := p.request(http.MethodDelete, sessionID, url.Values{"response_url": {responseURL}})
	if err != nil {
		return v230.ChargingProfileResponse{}, err
	}
	return p.ask(ctx, r)
}

// request is a call about a session. It is never repeated by itself, also where it is a GET: each has a result of its own.
func (p ChargingProfiles) request(method, sessionID string, query url.Values) (request, error) {
	c := p.client
	if err := c.since22(ocpi.ModuleChargingProfiles); err != nil {
		return request{}, err
	}
	endpoint, err := c.endpoint(ocpi.ModuleChargingProfiles, ocpi.Receiver, ocpi.RoleCPO)
	if err != nil {
		return request{}, err
	}
	target, quirks, err := c.below(endpoint, query, sessionID)
	return request{method: method, url: target, module: ocpi.ModuleChargingProfiles, role: ocpi.RoleCPO, quirks: quirks}, err
}

func (p ChargingProfiles) ask(ctx context.Context, r request) (v230.ChargingProfileResponse, error) {
	response, _, err := ask(ctx, p.client.once(), r, p.client.codecs.ChargingProfileResponses, convert.Env{})
	return response, err
}

// once is the Client without second tries.
func (c *Client) once() *Client {
	other := *c
	other.config.Retries = -1
	return &other
}

// since22 refuses what the version agreed on does not have.
func (c *Client) since22(module ocpi.ModuleID) error {
	if c.config.Version.Compare("2.2") >= 0 {
		return nil
	}
	return fmt.Errorf("ocpiclient: %w: version %s has no %s", ErrNotOffered, c.config.Version, module)
}

// ChargingProfileResults tells an eMSP or smart charging provider what came of its requests about charging profiles, at exactly the
// URL that it gave for that. The URL must be on a host where the partner has endpoints, or on one of Config.TokenHosts (as
// requirement CMD-17 is for commands).
type ChargingProfileResults struct {
	client *Client
}

// ChargingProfileResults returns the calls to a partner that asks about charging profiles.
func (c *Client) ChargingProfileResults() ChargingProfileResults { return ChargingProfileResults{c} }

// Active tells which profile is active.
func (p ChargingProfileResults) Active(ctx context.Context, responseURL string, result v230.ActiveChargingProfileResult) error {
	return postResult(ctx, p.client, responseURL, p.client.codecs.ActiveChargingProfileResults, result)
}

// Set tells what came of setting a profile.
func (p ChargingProfileResults) Set(ctx context.Context, responseURL string, result v230.ChargingProfileResult) error {
	return postResult(ctx, p.client, responseURL, p.client.codecs.ChargingProfileResults, result)
}

// Cleared tells what came of clearing a profile.
func (p ChargingProfileResults) Cleared(ctx context.Context, responseURL string, result v230.ClearProfileResult) error {
	return postResult(ctx, p.client, responseURL, p.client.codecs.ClearProfileResults, result)
}

// profileSender is the role in which the partner asks about charging profiles.
func (c *Client) profileSender() ocpi.Role {
	if !c.config.Partner.Has(ocpi.RoleEMSP) && c.config.Partner.Has(ocpi.RoleSCSP) {
		return ocpi.RoleSCSP
	}
	return ocpi.RoleEMSP
}

func postResult[T any](ctx context.Context, c *Client, responseURL string, codec wire.Codec[T], result T) error {
	if err := c.since22(ocpi.ModuleChargingProfiles); err != nil {
		return err
	}
	r := request{method: http.MethodPost, url: responseURL, module: ocpi.ModuleChargingProfiles, role: c.profileSender()}
	if err := c.checkOurs(&r); err != nil {
		return err
	}
	if err := write(c, &r, codec, result, convert.Env{}); err != nil {
		return err
	}
	return c.order(ctx, r)
}

// Update tells which profile is active from now on in a session of ours. It is for partners who have set a profile for it, and for
// nobody else (requirement DP-07).
func (p ChargingProfileResults) Update(ctx context.Context, sessionID string, profile v230.ActiveChargingProfile) error {
	c := p.client
	if err := c.since22(ocpi.ModuleChargingProfiles); err != nil {
		return err
	}
	endpoint, err := c.endpoint(ocpi.ModuleChargingProfiles, ocpi.Sender, ocpi.RoleEMSP)
	if err != nil {
		return err
	}
	target, quirks, err := c.below(endpoint, nil, sessionID)
	if err != nil {
		return err
	}
	r := request{method: http.MethodPut, url: target, module: ocpi.ModuleChargingProfiles, role: c.profileSender(), quirks: quirks}
	if err := write(c, &r, c.codecs.ActiveChargingProfiles, profile, convert.Env{}); err != nil {
		return err
	}
	return c.order(ctx, r)
}
