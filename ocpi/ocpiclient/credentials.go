package ocpiclient

import (
	"context"
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Credentials asks for what we use to call the partner (requirement C-02).
func (c *Client) Credentials(ctx context.Context) (v230.Credentials, error) {
	return c.credentials(ctx, http.MethodGet, nil)
}

// Register sends our credentials for the first time, and returns the partner's. While it is waited for, the partner
// calls our versions with the token in them (requirement C-03). It is never tried again by itself: an answer that got
// lost may have registered us (requirement C-18).
func (c *Client) Register(ctx context.Context, own v230.Credentials) (v230.Credentials, error) {
	return c.credentials(ctx, http.MethodPost, &own)
}

// UpdateCredentials sends our changed credentials, and returns the partner's, which have a new token in any case
// (requirements C-10 to C-12).
func (c *Client) UpdateCredentials(ctx context.Context, own v230.Credentials) (v230.Credentials, error) {
	return c.credentials(ctx, http.MethodPut, &own)
}

// Unregister ends the registration. Neither side's token is of use afterwards (requirement C-13).
func (c *Client) Unregister(ctx context.Context) error {
	r, err := c.credentialsRequest(http.MethodDelete)
	if err != nil {
		return err
	}
	return c.order(ctx, r)
}

func (c *Client) credentialsRequest(method string) (request, error) {
	endpoint, err := c.endpoint(ocpi.ModuleCredentials, "", c.config.PartnerRole)
	if err != nil {
		return request{}, err
	}
	target, quirks, err := c.below(endpoint, nil)
	return request{method: method, url: target, module: ocpi.ModuleCredentials, quirks: quirks}, err
}

func (c *Client) credentials(ctx context.Context, method string, own *v230.Credentials) (v230.Credentials, error) {
	r, err := c.credentialsRequest(method)
	if err != nil {
		return v230.Credentials{}, err
	}
	if own != nil {
		r.secrets = append(r.secrets, own.Token)
		if err := write(c, &r, c.codecs.Credentials, *own, convert.Env{Role: c.config.OwnRole}); err != nil {
			return v230.Credentials{}, err
		}
	}
	theirs, _, err := ask(ctx, c, r, c.codecs.Credentials, convert.Env{Role: c.config.PartnerRole})
	return theirs, err
}
