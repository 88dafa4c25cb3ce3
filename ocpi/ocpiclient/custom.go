package ocpiclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// A ModuleCall is a call to a module that OCPI does not have, by agreement with the partner.
type ModuleCall struct {
	Module ocpi.ModuleID
	// Side is the partner's.
	Side ocpi.InterfaceRole
	// Method is GET where it is empty.
	Method string
	// Path are the segments that follow the endpoint, unescaped.
	Path  []string
	Query url.Values
	// Data is the body, a JSON document; nil for none.
	Data jsontext.Value
}

// A ModuleAnswer is what a partner answered with success.
type ModuleAnswer struct {
	HTTP int
	// Data is what was in the envelope; nil where there was nothing.
	Data jsontext.Value
	// Header are the headers of the answer, such as those of pages.
	Header http.Header
}

// Call makes a call to a module by agreement, with the care of all others: the token, message ids, limits, redirects, the envelope
// and its codes. Only a GET is tried again by itself. An error is an *Error where the call was made; one that is ErrNotOffered
// means that the partner's version details do not list the module.
func (c *Client) Call(ctx context.Context, call ModuleCall) (ModuleAnswer, error) {
	r, err := c.moduleRequest(call)
	if err != nil {
		return ModuleAnswer{}, err
	}
	ctx = correlated(ctx)
	a, err := c.do(ctx, r)
	if err != nil {
		return ModuleAnswer{}, err
	}
	answer := ModuleAnswer{HTTP: a.http, Header: a.header}
	if a.data != nil {
		answer.Data = slices.Clone(a.data)
	}
	c.tell(ctx, a.exchange)
	return answer, nil
}

func (c *Client) moduleRequest(call ModuleCall) (request, error) {
	method := call.Method
	if method == "" {
		method = http.MethodGet
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method) {
		return request{}, fmt.Errorf("ocpiclient: OCPI has no method %q", method)
	}
	if call.Data != nil && !call.Data.IsValid() {
		return request{}, fmt.Errorf("ocpiclient: %s %s: the body is no JSON document", method, call.Module)
	}
	// In 2.1.1, which does not name the side, the path does where both are offered.
	endpoint, err := c.endpoint(call.Module, call.Side, ocpi.Role(call.Side))
	if err != nil {
		return request{}, err
	}
	target, quirks, err := c.below(endpoint, call.Query, call.Path...)
	if err != nil {
		return request{}, fmt.Errorf("ocpiclient: %s %s: %w", method, call.Module, err)
	}
	return request{method: method, url: target, module: call.Module, body: call.Data, quirks: quirks}, nil
}
