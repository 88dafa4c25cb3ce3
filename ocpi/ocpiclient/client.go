package ocpiclient

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Config says which partner is called, and how. Token is required; to find the versions of a partner that nothing is
// known of yet, it is enough.
type Config struct {
	// Partner is who is called. Its ID goes into exchanges, its Quirks say what is put right, and its parties own the
	// objects it sends in versions that do not say so. Nil for a partner not known yet.
	Partner *ocpi.Partner
	// PartnerRole is the role in which the partner is called, and OwnRole ours. Version 2.1.1 does not say them in
	// credentials, and a platform with both roles may list both under the same names.
	PartnerRole, OwnRole ocpi.Role
	// Own is the party of ours that deals with the partner: it owns the objects we push, unless they say otherwise.
	Own ocpi.Party
	// Location looks up a location of ours by its id, for the copies of it that sessions and CDRs of 2.1.1 carry; nil
	// for none.
	Location func(ctx context.Context, owner ocpi.Party, id string) (v230.Location, bool)

	// Token is what the partner has given us to call it with.
	Token string
	// Encoding is how the token is written. The default is what the partner's quirks say, or else its version.
	Encoding ocpi.TokenEncoding
	// Version is the one agreed on. Default Partner.Version; empty before there is one, when only Versions and Details
	// can be called.
	Version ocpi.Version
	// Endpoints are those of the partner's version details.
	Endpoints []ocpi.Endpoint

	// TokenHosts are hosts without endpoints that may get the token all the same, where the partner gives a URL there for
	// one call, such as a response_url. With a port where that is not the usual one.
	TokenHosts []string

	// Transport is shared by the Clients of a program. Default one of its own, with its defaults.
	Transport *Transport
	// Timeout is how long one call may take, with its retries and the whole answer. A list is one call for each page.
	// Default 30 seconds.
	Timeout time.Duration
	// Retries is how often a GET is tried again where that may help. Default 2, negative for never. Nothing else is
	// ever sent twice (requirement TF-65).
	Retries int
	// MaxPages is the largest number of requests for one list. Default 100,000.
	MaxPages int
	// UserAgent is sent with each request. Default "roamwire".
	UserAgent string

	// Observe is called after each HTTP request, also for each of several tries; nil for nobody. It must not block.
	// The exchange holds the token in its Secrets alone, unless the partner repeats it.
	Observe func(context.Context, ocpi.Exchange)
	// Capture is how much of each body Observe is given, in bytes; 0 for nothing.
	Capture int
	// Now is the clock for timestamps. Default time.Now.
	Now func() time.Time
}

const (
	defaultTimeout   = 30 * time.Second
	defaultRetries   = 2
	defaultMaxPages  = 100_000
	defaultUserAgent = "roamwire"
)

func (c Config) withDefaults() Config {
	if c.Partner == nil {
		c.Partner = &ocpi.Partner{}
	}
	if c.Version == "" {
		c.Version = c.Partner.Version
	}
	if c.Transport == nil {
		c.Transport = NewTransport(TransportConfig{})
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Retries == 0 {
		c.Retries = defaultRetries
	}
	if c.MaxPages <= 0 {
		c.MaxPages = defaultMaxPages
	}
	if c.UserAgent == "" {
		c.UserAgent = defaultUserAgent
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// A Client calls one partner. It may be used by many goroutines at once.
type Client struct {
	config  Config
	profile quirk.Profile
	// codecs are those of the version; speaks is false where there are none.
	codecs wire.Codecs
	speaks bool
	// authorization is the value of the header.
	authorization string
	dialect       string
	// turn is waited for before each call; nil for not at all.
	turn func(context.Context) error
}

// InTurn returns a Client that waits before each call, as for a limit of calls in a second. That time is not part of Timeout.
func (c *Client) InTurn(wait func(context.Context) error) *Client {
	limited := *c
	limited.turn = wait
	return &limited
}

// New makes a Client. It fails where the token cannot be sent or the partner's quirks cannot be read.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	if err := checkToken(config.Token); err != nil {
		return nil, fmt.Errorf("ocpiclient: %w", err)
	}
	profile, err := quirk.Parse(config.Partner.Quirks)
	if err != nil {
		return nil, fmt.Errorf("ocpiclient: %w", err)
	}
	c := &Client{config: config, profile: profile, dialect: dialectOf(config.Version, profile)}
	c.codecs, c.speaks = wire.For(config.Version)
	c.authorization = ocpi.Authorization(config.Token, c.encoding())
	return c, nil
}

// Version is the version that is spoken.
func (c *Client) Version() ocpi.Version { return c.config.Version }

// WithTokenHosts returns a client that differs in its Config.TokenHosts.
func (c *Client) WithTokenHosts(hosts ...string) *Client {
	other := *c
	other.config.TokenHosts = hosts
	return &other
}

// checkToken refuses what cannot be a header. A token that is longer than the protocol allows is the partner's mistake
// and works.
func checkToken(token string) error {
	for part := range slices.Chunk([]byte(token), ocpi.MaxTokenLength) {
		if err := ocpi.CheckToken(string(part)); err != nil {
			return err
		}
	}
	if token == "" {
		return ocpi.CheckToken(token)
	}
	return nil
}

// encoding is how the token is written: as configured, as the partner wants it, or as its version says (requirement
// TF-06).
func (c *Client) encoding() ocpi.TokenEncoding {
	switch {
	case c.config.Encoding != "":
		return c.config.Encoding
	case c.profile.Has(quirk.TokenBase64):
		return ocpi.TokenBase64
	case c.profile.Has(quirk.TokenPlain):
		return ocpi.TokenPlain
	default:
		return ocpi.DefaultTokenEncoding(c.config.Version)
	}
}

// secrets are what nobody may be told about a request: our token, and those in its body.
func (c *Client) secrets(r *request) []string {
	return append([]string{c.config.Token}, r.secrets...)
}
