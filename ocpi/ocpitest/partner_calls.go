package ocpitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// A Reply is what the other side answered to a call of a Partner.
type Reply struct {
	HTTP   int
	Header http.Header
	// Body is the answer as it came, up to 16 MiB.
	Body []byte
	// Envelope is the zero one where the body is none.
	ocpi.Envelope[jsontext.Value]
}

// failure is what the other side refused with; nil where it did as it was asked.
func (r Reply) failure() error {
	if r.HTTP/100 == 2 && r.StatusCode.Success() {
		return nil
	}
	return &ocpi.Error{HTTP: r.HTTP, Code: r.StatusCode, Message: r.StatusMessage}
}

// Get calls a URL of the other side, such as p.Peer().Endpoint(ocpi.ModuleLocations).
func (p *Partner) Get(ctx context.Context, url string) (Reply, error) {
	return p.Do(ctx, http.MethodGet, url, nil)
}

// Do calls a URL of the other side as the Partner, with the token that was agreed on. The body is nil for none, JSON as
// []byte or jsontext.Value, or what is to be written as JSON. The error is about calls without an answer: an answer that
// refuses is a Reply. Redirects are answers like any other.
func (p *Partner) Do(ctx context.Context, method, url string, body any) (Reply, error) {
	peer := p.Peer()
	if !peer.Registered {
		return Reply{}, errNotRegistered
	}
	var raw []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		raw = b
	case jsontext.Value:
		raw = b
	default:
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return Reply{}, fmt.Errorf("ocpitest: write the body of %s %s: %w", method, url, err)
		}
	}
	reply, err := p.call(ctx, method, url, peer.TheirToken, peer.Version, raw)
	if err != nil {
		return reply, fmt.Errorf("ocpitest: %w", err)
	}
	return reply, nil
}

const (
	callTimeout  = 30 * time.Second
	maxReplyBody = 16 << 20
)

func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 8, IdleConnTimeout: callTimeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call makes one call with any token.
func (p *Partner) call(ctx context.Context, method, url, token string, version ocpi.Version, body []byte) (Reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return Reply{}, err
	}
	encoding := p.config.Encoding
	if encoding == "" {
		encoding = ocpi.DefaultTokenEncoding(version)
	}
	request.Header.Set("Authorization", ocpi.Authorization(token, encoding))
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	p.address(ctx, request, p.Peer(), version)
	response, err := p.client.Do(request)
	if err != nil {
		return Reply{}, err
	}
	defer response.Body.Close()
	reply := Reply{HTTP: response.StatusCode, Header: response.Header}
	if reply.Body, err = io.ReadAll(io.LimitReader(response.Body, maxReplyBody)); err != nil {
		return reply, fmt.Errorf("%s %s: read the answer: %w", method, url, err)
	}
	if json.Unmarshal(reply.Body, &reply.Envelope) != nil {
		reply.Envelope = ocpi.Envelope[jsontext.Value]{}
	}
	return reply, nil
}

// A discovery is what the other side offers.
type discovery struct {
	versions  []ocpi.Version
	version   ocpi.Version
	endpoints []ocpi.Endpoint
}

func (d discovery) endpoint(module ocpi.ModuleID) string {
	return Peer{Endpoints: d.endpoints}.Endpoint(module)
}

// A failure is why a discovery failed.
type failure int

// What can go wrong with a discovery.
const (
	unreachable   failure = iota // no answer
	refused                      // an HTTP status that is not 200
	noJSON                       // 200 with what is no envelope
	refusedInside                // 200 with an OCPI status that is a failure
	noVersion                    // no version that both speak
	noEndpoint                   // an endpoint is missing that is expected
)

// discover reads the other side's versions, and the endpoints of the highest of them that is among ours. The error is an
// *ocpi.Error that can be answered to the other side.
func (p *Partner) discover(ctx context.Context, versionsURL, token string, ours []ocpi.Version) (discovery, error) {
	var offered []v211.Version
	highest := slices.MaxFunc(ours, ocpi.Version.Compare)
	if err := p.look(ctx, versionsURL, token, highest, &offered); err != nil {
		return discovery{}, err
	}
	var found discovery
	detailsURL := ""
	for _, v := range offered {
		found.versions = append(found.versions, v.Version)
		if slices.Contains(ours, v.Version) && (found.version == "" || v.Version.Compare(found.version) > 0) {
			found.version, detailsURL = v.Version, v.URL
		}
	}
	if found.version == "" {
		return discovery{}, p.failed(noVersion, "GET %s offers %v, and not %v", versionsURL, found.versions, ours)
	}
	var details struct {
		Endpoints []struct {
			Identifier ocpi.ModuleID      `json:"identifier"`
			Role       ocpi.InterfaceRole `json:"role"`
			URL        string             `json:"url"`
		} `json:"endpoints"`
	}
	if err := p.look(ctx, detailsURL, token, found.version, &details); err != nil {
		return discovery{}, err
	}
	for _, e := range details.Endpoints {
		found.endpoints = append(found.endpoints, ocpi.Endpoint{Module: e.Identifier, Role: e.Role, URL: e.URL})
	}
	for _, module := range append([]ocpi.ModuleID{ocpi.ModuleCredentials}, p.config.Expect...) {
		if found.endpoint(module) == "" {
			return discovery{}, p.failed(noEndpoint, "GET %s has no endpoint %s", detailsURL, module)
		}
	}
	return found, nil
}

// look reads the data at a URL.
func (p *Partner) look(ctx context.Context, url, token string, version ocpi.Version, data any) error {
	reply, err := p.call(ctx, http.MethodGet, url, token, version, nil)
	switch {
	case err != nil:
		e := p.failed(unreachable, "GET %s has no answer", url)
		e.Err = err
		return e
	case reply.HTTP != http.StatusOK:
		return p.failed(refused, "GET %s answered HTTP %d", url, reply.HTTP)
	case reply.StatusCode == 0:
		return p.failed(noJSON, "GET %s answered no envelope", url)
	case !reply.StatusCode.Success():
		return p.failed(refusedInside, "GET %s answered OCPI %d: %s", url, reply.StatusCode, reply.StatusMessage)
	}
	if err := json.Unmarshal(reply.Data, data); err != nil {
		return p.failed(noJSON, "GET %s answered data that cannot be read: %v", url, err)
	}
	return nil
}

func (p *Partner) failed(why failure, format string, args ...any) *ocpi.Error {
	return &ocpi.Error{Code: p.flavour.status[why], Message: fmt.Sprintf(format, args...)}
}
