package ocpiserver

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Config says what a server serves. BaseURL, Partners and at least one of CPO, EMSP, Hub and Modules are required; every other
// field works at its zero value.
type Config struct {
	// BaseURL is where partners reach this server from outside, such as https://ocpi.example.com/ocpi. Its path is
	// the prefix of every route; every URL handed out starts with it.
	BaseURL string
	// Versions to speak, of 2.1.1, 2.2.1 and 2.3.0. Default all of them.
	Versions []ocpi.Version
	// Parties are ours, in their roles. The first eMSP among them owns the drivers of sessions and CDRs we receive,
	// unless the partner's Serves says otherwise. Where several deal with a partner in a role, a list that is for one of them
	// has its objects alone, and lists of 2.1.1 have those of the first.
	Parties []ocpi.PartyRole
	// Partners knows who may call.
	Partners Partners
	// CPO is our CPO side; nil for none.
	CPO *CPO
	// EMSP is our eMSP side; nil for none.
	EMSP *EMSP
	// ClientInfos takes what hubs say about the parties behind them; nil for nobody. Hub is our own side as a hub; nil for none.
	// Both are there since 2.2.
	ClientInfos ClientInfos
	Hub         *Hub
	// Modules are those that OCPI does not have, by agreement with partners.
	Modules []Module
	// Credentials serves the module credentials, which OCPI requires of everyone (requirement V-04); nil leaves it out,
	// for programs that are not a whole platform. Where it is not a Registrar as well, partners are registered by hand,
	// and only GET is offered.
	Credentials Credentials

	// PageLimit is the largest number of objects in a page, and the number where the client asks for none. Default
	// 100.
	PageLimit int
	// MaxBody is the largest request body in bytes. Default 1 MiB.
	MaxBody int64
	// BodyTimeout is how long a client may take to send a body. Default 30 seconds.
	BodyTimeout time.Duration
	// ResponseTimeout is how long a client may take to receive an answer. Default 1 minute.
	ResponseTimeout time.Duration
	// TrailingSlash ends the endpoint URLs of version details with "/". Both forms are served either way.
	TrailingSlash bool
	// OpenData lets anyone without a token read the CPO's locations and tariffs, and nothing else.
	OpenData bool
	// CORSOrigins are the web origins that may call from a browser; "*" for any.
	CORSOrigins []string
	// NoOpenAPI leaves out the OpenAPI documents at openapi.json below BaseURL, and below each version, which anyone can read.
	// They tell what OCPI has, and no data.
	NoOpenAPI bool
	// Docs shows the documents to people, at docs/ below BaseURL, without a token; nil for none. It gets requests with the
	// path that follows.
	Docs http.Handler

	// Logger gets failures of our own and deviations of partners. Default slog.Default().
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Observe is called after each request; nil for nobody. It must not block, and the bodies of the exchange are its own
	// only until it returns.
	Observe func(context.Context, ocpi.Exchange)
	// Capture is how much of each body Observe is given, in bytes; 0 for nothing.
	Capture int
}

// CPO is what a charge point operator serves. A nil field is neither mounted nor advertised.
type CPO struct {
	// Locations must be a Getter as well.
	Locations Sender[v230.Location]
	// Sessions may be a PreferenceTaker as well.
	Sessions Sender[v230.Session]
	CDRs     Sender[v230.CDR]
	Tariffs  Sender[v230.Tariff]
	Tokens   Receiver[v230.Token]
	Commands Commands
	// ChargingProfiles are there since 2.2.
	ChargingProfiles ChargingProfiles
}

// EMSP is what an e-mobility service provider serves. A nil field is neither mounted nor advertised.
type EMSP struct {
	Locations Receiver[v230.Location]
	Sessions  Receiver[v230.Session]
	CDRs      CDRReceiver
	// Tariffs must be a Deleter as well.
	Tariffs Receiver[v230.Tariff]
	// Tokens must be an Authorizer as well.
	Tokens         Sender[v230.Token]
	CommandResults CommandResults
	// ChargingProfileResults are what comes of what we ask about charging profiles, also as a smart charging provider, since 2.2.
	ChargingProfileResults ChargingProfileResults
}

const (
	defaultPageLimit   = 100
	defaultMaxBody     = 1 << 20
	defaultBodyTimeout = 30 * time.Second
	defaultResponse    = time.Minute
)

func (c Config) withDefaults() Config {
	if len(c.Versions) == 0 {
		c.Versions = ocpi.Versions()
	}
	if c.PageLimit <= 0 {
		c.PageLimit = defaultPageLimit
	}
	if c.MaxBody <= 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.BodyTimeout <= 0 {
		c.BodyTimeout = defaultBodyTimeout
	}
	if c.ResponseTimeout <= 0 {
		c.ResponseTimeout = defaultResponse
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// check says what is missing or implemented by half.
func (c Config) check() error {
	if u, err := url.Parse(c.BaseURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		return fmt.Errorf("BaseURL %q must be an http or https URL without a query", c.BaseURL)
	}
	if c.Partners == nil {
		return fmt.Errorf("Partners is required")
	}
	if c.CPO == nil && c.EMSP == nil && c.Hub == nil && len(c.Modules) == 0 {
		return fmt.Errorf("neither CPO nor EMSP nor Hub nor a module is set: there is nothing to serve")
	}
	for _, v := range c.Versions {
		if !v.Known() {
			return fmt.Errorf("version %s is not served", v)
		}
	}
	if err := c.checkModules(); err != nil {
		return err
	}
	if c.CPO != nil && c.CPO.Locations != nil {
		if _, ok := c.CPO.Locations.(Getter[wire.Location]); !ok {
			return fmt.Errorf("CPO.Locations must have Get: partners may ask for one location, EVSE or connector")
		}
	}
	if c.EMSP != nil && c.EMSP.Tariffs != nil {
		if _, ok := c.EMSP.Tariffs.(Deleter); !ok {
			return fmt.Errorf("EMSP.Tariffs must have Delete: partners may delete a tariff")
		}
	}
	if c.EMSP != nil && c.EMSP.Tokens != nil {
		if _, ok := c.EMSP.Tokens.(Authorizer); !ok {
			return fmt.Errorf("EMSP.Tokens must have Authorize: partners may ask whether a driver may charge")
		}
	}
	return nil
}

// prefix is the path of BaseURL without a slash at its end.
func (c Config) prefix() string {
	u, err := url.Parse(c.BaseURL)
	if err != nil { // check has parsed it
		return ""
	}
	return normal(u)
}
