package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node/command"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

// Config is what a node needs to know. Data and at least one of Parties are required; every other field works at its
// zero value.
type Config struct {
	// Data is the folder where everything is kept. It is made if it does not exist.
	Data string
	// Listen is the address to serve OCPI on. Default 127.0.0.1:8080.
	Listen string
	// PublicURL is where partners reach the node from outside, without the prefix. Default http:// or https:// and
	// the address listened on.
	PublicURL string
	// Prefix is the path of OCPI below PublicURL; "/" for none. Default /ocpi.
	Prefix string
	// Parties are the parties this node speaks for.
	Parties []Party
	// Versions to speak. Default all of ocpi.Versions().
	Versions []ocpi.Version

	// AdminListen is the address of /healthz, /readyz and /metrics; empty for none.
	AdminListen string
	// APIListen is the address of the API for the operator's own systems, under /api; empty for none. It is another than
	// Listen, so that the world reaches OCPI alone.
	APIListen string
	// Version is the program's, for those who ask.
	Version string
	// TLSCert and TLSKey are files in PEM form; both or none.
	TLSCert, TLSKey string

	// PageLimit is the largest page served. Default 100 objects.
	PageLimit int
	// MaxBody is the largest request body. Default 1 MiB.
	MaxBody int64
	// HeaderTimeout bounds how long a client may take for the headers, default 10 seconds; BodyTimeout for the body,
	// default 30 seconds; IdleTimeout for the next request on a connection, default 2 minutes.
	HeaderTimeout, BodyTimeout, IdleTimeout time.Duration
	// ShutdownTimeout bounds how long requests under way may take to finish when the node stops. Default 10 seconds.
	ShutdownTimeout time.Duration
	// TrailingSlash ends the endpoint URLs in version details with "/".
	TrailingSlash bool
	// NoOpenAPI leaves out the OpenAPI documents of the OCPI endpoints, and the pages that show them.
	NoOpenAPI bool
	// OpenData lets anyone read locations and tariffs without a token.
	OpenData bool
	// CORSOrigins are the web origins that may call from a browser; "*" for any.
	CORSOrigins []string
	// Exchanges say what is recorded of the messages between us and our partners, and for how long.
	Exchanges exchange.Settings

	// Key are keys that encrypt the tokens we call partners with, as partner.KeysGiven reads them; empty for those in
	// KeyFile, whose default is roamwire.key in the folder Data. The file is made when it does not exist.
	Key, KeyFile string
	// AllowPrivate lets partners be at private and loopback addresses, and without TLS. Without it, such URLs are
	// refused, whoever names them: a partner could make the node call what only the node can reach.
	AllowPrivate bool
	// Registration bounds exchanges of credentials.
	Registration RegistrationLimits
	// Push says how fast and how patiently objects are pushed to partners.
	Push PushLimits
	// Commands says how long is waited for answers and results of commands, and what is answered where nobody does.
	Commands command.Settings
	// Authorize says how it is decided who may charge.
	Authorize AuthorizeConfig
	// Events says for how long what has happened is kept.
	Events EventsConfig
	// OnStep is told of each step of an exchange of credentials; nil for nobody.
	OnStep func(context.Context, handshake.Step)

	// Logger gets what happens. Default slog.Default().
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// A Party is a party of ours with its roles and what partners are told about it.
type Party struct {
	Party   ocpi.Party
	Roles   []ocpi.Role
	Name    string
	Website string
}

// EventsConfig says for how long what has happened is kept for those who want to hear of it. Zero values stand for the defaults
// of package event.
type EventsConfig struct {
	// Keep is how long events are kept, KeepCount how many, KeepDead how long those that a webhook did not take.
	Keep      time.Duration
	KeepCount int
	KeepDead  time.Duration
	// RefusePrivate forbids webhooks at private and local addresses, and without TLS.
	RefusePrivate bool
}

// PushLimits say how pushes go. Zero values stand for the defaults of package push.
type PushLimits struct {
	// Concurrency is how many requests of one module to one partner can be under way at once.
	Concurrency int
	// Backoff is how long is waited after failures.
	Backoff push.Backoff
}

// keys are what encrypts tokens.
func (c Config) keys() (*partner.Keyring, error) {
	if c.Key != "" {
		keys, err := partner.KeysGiven(c.Key)
		if err != nil {
			return nil, fmt.Errorf("the key that encrypts partners' tokens: %w", err)
		}
		return keys, nil
	}
	file := c.KeyFile
	if file == "" {
		file = filepath.Join(c.Data, "roamwire.key")
	}
	return partner.KeysInFile(file, func(file string) {
		c.Logger.Warn("made a new key; it encrypts the tokens we call partners with. Keep a copy of it, apart from copies of the data", "file", file)
	}), nil
}

// file is where the database lies.
func (c Config) file() string { return filepath.Join(c.Data, "roamwire.db") }

func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:8080")
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, 10*time.Second)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, 30*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 2*time.Minute)
	c.ShutdownTimeout = cmp.Or(c.ShutdownTimeout, 10*time.Second)
	if len(c.Versions) == 0 {
		c.Versions = ocpi.Versions()
	}
	c.Versions = ocpi.SortVersions(c.Versions)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Prefix == "" {
		c.Prefix = "/ocpi"
	}
	if c.Prefix = strings.Trim(c.Prefix, "/"); c.Prefix != "" {
		c.Prefix = "/" + c.Prefix
	}
	return c
}

func (c Config) check() error {
	if c.Data == "" {
		return fmt.Errorf("the data folder is not set")
	}
	if len(c.Parties) == 0 {
		return fmt.Errorf("no party is set: name at least one, as in DE/ROA")
	}
	for _, v := range c.Versions {
		if _, err := ocpi.ParseVersion(string(v)); err != nil {
			return err
		}
	}
	for name, n := range map[string]int64{
		"page limit": int64(c.PageLimit), "largest body": c.MaxBody, "header timeout": int64(c.HeaderTimeout),
		"body timeout": int64(c.BodyTimeout), "idle timeout": int64(c.IdleTimeout), "shutdown timeout": int64(c.ShutdownTimeout),
		"call timeout": int64(c.Registration.CallTimeout), "registration timeout": int64(c.Registration.Timeout),
		"token grace": int64(c.Registration.Grace), "registration window": int64(c.Registration.Window),
		"time between updates": int64(c.Registration.UpdateEvery), "deadline of authorizations": int64(c.Authorize.Deadline),
		"deadline of the authorization webhook": int64(c.Authorize.WebhookDeadline),
		"time that events are kept":             int64(c.Events.Keep), "number of events that are kept": int64(c.Events.KeepCount),
		"time that dead events are kept": int64(c.Events.KeepDead),
	} {
		if n < 0 {
			return fmt.Errorf("the %s cannot be negative", name)
		}
	}
	if err := errors.Join(c.Exchanges.Check(), c.Commands.Check()); err != nil {
		return err
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("a TLS certificate and its key go together: one of them is not set")
	}
	for _, p := range c.Parties {
		if len(p.Roles) == 0 {
			return fmt.Errorf("party %s has no role", p.Party)
		}
	}
	if c.PublicURL == "" {
		return nil
	}
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("public URL %q must be an http or https URL", c.PublicURL)
	}
	return nil
}

// partyRoles are parties, each in each of its roles.
func partyRoles(parties []Party) []ocpi.PartyRole {
	var roles []ocpi.PartyRole
	for _, p := range parties {
		for _, role := range p.Roles {
			roles = append(roles, ocpi.PartyRole{Role: role, Party: p.Party})
		}
	}
	return roles
}

func (c Config) has(role ocpi.Role) bool {
	return slices.ContainsFunc(c.Parties, func(p Party) bool { return slices.Contains(p.Roles, role) })
}

// speaksFor reports whether a party is ours, in a role.
func (c Config) speaksFor(party ocpi.Party, role ocpi.Role) bool {
	return slices.ContainsFunc(c.Parties, func(p Party) bool { return p.Party == party && slices.Contains(p.Roles, role) })
}

// makeFolder makes the data folder and the file in it, readable by nobody else: they hold partners' data.
func (c Config) makeFolder() error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	f, err := os.OpenFile(c.file(), os.O_CREATE|os.O_RDONLY, 0o600) // SQLite would let others read it
	if err != nil {
		return fmt.Errorf("make data file: %w", err)
	}
	return f.Close()
}
