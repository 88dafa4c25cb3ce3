// Package node puts the product together: one program that speaks OCPI as CPO and eMSP, keeps everything on disk and
// shows what happens.
//
// The rooms beside this file each do one thing and know nothing of one another: store and store/sqlite keep the data,
// object offers it to the OCPI server, partner knows who we talk to, exchange records every message, transfer moves
// objects in and out of files, telemetry counts. Only this package sees them all.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/roamwire/roamwire/node/apidocs"
	"github.com/roamwire/roamwire/node/authorize"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/command"
	"github.com/roamwire/roamwire/node/event"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/hubclient"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/node/telemetry"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
)

// The home has what each room needs.
var (
	_ object.Store  = (*sqlite.DB)(nil)
	_ partner.Store = (*sqlite.DB)(nil)

	_ handshake.Store      = (*partner.Registry)(nil)
	_ ocpiserver.Registrar = (*handshake.Registrar)(nil)
)

// A Data is an open data folder: what commands like import work on while no server runs, or beside one.
type Data struct {
	Objects  *object.Objects
	Partners *partner.Registry
	// Keys encrypt the tokens we call partners with.
	Keys *partner.Keyring
	// Exchanges records what goes between us and our partners. Its Observe and Capture are for whatever calls partners;
	// those of the server are its own.
	Exchanges *exchange.Recorder

	config    Config
	db        *sqlite.DB
	handshake *handshake.Handshake
	// lock keeps other nodes away; nil for commands.
	lock *os.File
	// count is told of our calls to partners; nil for nobody.
	count func(context.Context, ocpi.Exchange)
	// checked is told of CDRs that were checked; nil for nobody.
	checked func(partner, verdict string)
}

// OpenData opens the data folder of a configuration, and makes it if it does not exist. Of the configuration it looks
// at Data, Key, KeyFile, Versions, Exchanges, Logger, Now and OnStep alone.
func OpenData(ctx context.Context, config Config) (*Data, error) {
	config = config.withDefaults()
	if err := config.makeFolder(); err != nil {
		return nil, err
	}
	keys, err := config.keys()
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, config.file(), sqlite.Options{})
	if err != nil {
		return nil, fmt.Errorf("open data folder %s: %w", config.Data, err)
	}
	objects, err := object.New(db, config.Versions)
	if err != nil {
		return nil, closeAfter(db, err)
	}
	d := &Data{Objects: objects, Partners: partner.NewRegistry(db, keys, config.Now), Keys: keys, config: config, db: db}
	d.Partners.Changed = d.tellPartner
	d.Exchanges = d.recorder(ctx)
	return d, nil
}

func closeAfter(c io.Closer, err error) error {
	_ = c.Close() // the first error is the one to tell
	return err
}

// Close closes the data folder.
func (d *Data) Close() error {
	d.closeExchanges()
	err := d.db.Close()
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// A Node is a running configuration: its data, its OCPI server and its listeners.
type Node struct {
	*Data
	// Commands are those under way, in both directions.
	Commands *command.Commands
	// hubClients are the parties behind hubs, as the hubs say.
	hubClients *hubclient.Clients

	// introduced is what the node has said of itself in its data.
	introduced self
	listener   net.Listener
	admin      net.Listener
	server     *ocpiserver.Server
	metrics    *telemetry.Metrics
	pusher     *push.Pusher
	puller     *pull.Puller
	// drivers are our tokens, and the answer to whether one may charge.
	drivers *drivers
	// asker decides about the drivers of eMSPs.
	asker *authorize.Asker
	// events tells the operator's systems what happens, and backend is their API.
	events  *event.Events
	backend *backend.API
	api     net.Listener
	// stopping is closed when the node stops: nobody waits any longer.
	stopping chan struct{}
}

// New opens the data, listens, and builds the server; Run serves. Listening already here means that the URLs of the
// node are known before it runs.
func New(ctx context.Context, config Config) (n *Node, err error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	n = &Node{metrics: telemetry.New(), stopping: make(chan struct{})}
	if n.Data, err = OpenData(ctx, config); err != nil {
		return nil, err
	}
	if n.lock, err = lockData(n.config.Data); err != nil {
		return nil, closeAfter(n.Data, err)
	}
	n.count, n.checked = n.metrics.Observe, n.metrics.CDRChecks()
	n.Objects.CountLosses(n.metrics.Rendered)
	n.metrics.Show("roamwire_rendering", "1 while objects from before are made ready for partners' pages in a version, 0 otherwise.", func() int64 {
		if n.Objects.Rendering() {
			return 1
		}
		return 0
	})
	n.countExchanges()
	n.metrics.Follow(n.moves, n.config.Now)
	if err := n.listen(ctx); err != nil {
		return nil, closeAfter(n.Data, err)
	}
	if n.config.PublicURL == "" && reachable(n.listener.Addr()) != n.listener.Addr().String() {
		n.config.Logger.WarnContext(ctx, "partners are told an address that works on this machine only; set the public URL", "url", n.URL())
	}
	if err := n.assemble(ctx); err != nil {
		n.closeListeners()
		return nil, closeAfter(n.Data, err)
	}
	n.Exchanges.Start()
	return n, nil
}

// assemble makes what partners call, and what calls partners.
func (n *Node) assemble(ctx context.Context) error {
	if err := n.checkKeys(ctx); err != nil {
		return err
	}
	if _, err := n.Objects.InUse(ctx); err != nil {
		return fmt.Errorf("find out which versions objects are rendered for: %w", err)
	}
	own, err := n.introduce(ctx)
	if err != nil {
		return err
	}
	if n.handshake, err = n.newHandshake(own); err != nil {
		return err
	}
	n.Partners.FirstUse = n.handshake.FirstUse
	n.pusher, n.puller = n.newPusher(own), n.newPuller(n.handshake)
	if err := n.authorizing(); err != nil {
		return err
	}
	n.Commands = n.newCommands()
	n.hubClients = hubclient.New(n.db)
	n.events = n.newEvents()
	n.countEvents()
	if n.backend, err = newBackend(n); err != nil {
		return err
	}
	n.server, err = n.build()
	return err
}

// checkKeys makes the key file of a new node. Where tokens or secrets cannot be decrypted, because their key is missing, the node
// says so and goes on: partners can call it.
func (n *Node) checkKeys(ctx context.Context) error {
	sealed, unreadable, err := n.Partners.Sealed(ctx)
	if err != nil {
		return err
	}
	hooks, unreadableHook, err := n.newEvents().Webhooks.Sealed(ctx)
	if err != nil {
		return err
	}
	if sealed+hooks > 0 {
		n.Keys.Miss()
	}
	missing := n.complains(ctx, unreadable, "partners whose tokens cannot be decrypted cannot be called; they can call")
	if n.complains(ctx, unreadableHook, "webhooks whose secrets cannot be decrypted get no events until the key is back") || missing {
		return nil
	}
	readable, err := n.Keys.Ensure()
	if readable {
		n.config.Logger.WarnContext(ctx, "others on this machine can read the key file; it should be readable by its owner alone")
	}
	return err
}

// complains tells of a secret that cannot be decrypted, if there is one.
func (n *Node) complains(ctx context.Context, unreadable error, what string) bool {
	if unreadable != nil {
		n.config.Logger.ErrorContext(ctx, what, "error", unreadable)
	}
	return unreadable != nil
}

// URL is where partners reach the node, with the prefix.
func (n *Node) URL() string {
	base := n.config.PublicURL
	if base == "" {
		scheme := "http"
		if n.config.TLSCert != "" {
			scheme = "https"
		}
		base = scheme + "://" + reachable(n.listener.Addr())
	}
	return strings.TrimRight(base, "/") + n.config.Prefix
}

// reachable is an address to call: one that listens on every interface is called by the name of this machine for itself.
func reachable(listening net.Addr) string {
	host, port, err := net.SplitHostPort(listening.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return listening.String()
}

// Close closes the listeners and the data of a node that does not run.
func (n *Node) Close() error {
	n.closeListeners()
	n.Commands.Close()
	return n.Data.Close()
}

// Versions are those the node speaks, oldest first.
func (n *Node) Versions() []ocpi.Version { return slices.Clone(n.config.Versions) }

// AdminURL is where health and metrics are; empty for none.
func (n *Node) AdminURL() string {
	if n.admin == nil {
		return ""
	}
	return "http://" + n.admin.Addr().String()
}

// APIURL is where the API for the operator's own systems is; empty for none.
func (n *Node) APIURL() string {
	if n.api == nil {
		return ""
	}
	return "http://" + reachable(n.api.Addr())
}

// Handler is the node's OCPI server.
func (n *Node) Handler() http.Handler { return n.server }

// API is the API for the operator's own systems, whether or not the node serves it on an address of its own.
func (n *Node) API() http.Handler { return n.backend }

// build makes the OCPI server over the data.
func (n *Node) build() (*ocpiserver.Server, error) {
	config := ocpiserver.Config{
		BaseURL:       n.URL(),
		Versions:      n.config.Versions,
		Parties:       partyRoles(n.config.Parties),
		Partners:      n.Partners,
		Credentials:   n.handshake.Registrar(),
		PageLimit:     n.config.PageLimit,
		MaxBody:       n.config.MaxBody,
		BodyTimeout:   n.config.BodyTimeout,
		TrailingSlash: n.config.TrailingSlash,
		OpenData:      n.config.OpenData,
		CORSOrigins:   n.config.CORSOrigins,
		Logger:        n.config.Logger,
		Now:           n.config.Now,
		Observe:       n.observe,
		Capture:       n.Exchanges.Capture(),
		NoOpenAPI:     n.config.NoOpenAPI,
		ClientInfos:   n.hubClients,
	}
	var err error
	if config.Docs, err = n.viewer(); err != nil {
		return nil, err
	}
	if n.config.has(ocpi.RoleCPO) {
		config.CPO = n.cpo()
	}
	if n.config.has(ocpi.RoleEMSP) {
		config.EMSP = n.emsp()
	}
	return ocpiserver.New(config)
}

// viewer shows the OpenAPI documents of the OCPI endpoints; nil for none. Its pages are below those of the server, which takes
// the path to them away.
func (n *Node) viewer() (http.Handler, error) {
	if n.config.NoOpenAPI {
		return nil, nil
	}
	base, err := url.Parse(n.URL())
	if err != nil {
		return nil, err
	}
	prefix := strings.TrimRight(base.Path, "/")
	page := apidocs.Page{Title: "Roamwire: OCPI", Prefix: prefix + "/docs"}
	for _, v := range n.config.Versions {
		page.Documents = append(page.Documents, apidocs.Document{Name: "OCPI " + string(v), URL: prefix + "/" + string(v) + "/openapi.json"})
	}
	page.Documents = append(page.Documents, apidocs.Document{Name: "Everything", URL: prefix + "/openapi.json"})
	pages, err := page.Handler()
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole := r.Clone(r.Context())
		whole.URL.Path = page.Prefix + r.URL.Path
		pages.ServeHTTP(w, whole)
	}), nil
}

func (n *Node) cpo() *ocpiserver.CPO {
	return &ocpiserver.CPO{
		Locations: n.Objects.Locations,
		Sessions:  &chargings{n.Objects.Sessions, n.Commands.Preferences()},
		CDRs:      n.Objects.CDRs,
		Tariffs:   n.Objects.Tariffs,
		Tokens:    object.ReceivedTokens(n.db),
		Commands:  n.Commands.Receiver,

		ChargingProfiles: n.Commands.Receiver,
	}
}

func (n *Node) emsp() *ocpiserver.EMSP {
	return &ocpiserver.EMSP{
		Locations:      object.ReceivedLocations(n.db),
		Sessions:       object.ReceivedSessions(n.db),
		CDRs:           object.NewReceivedCDRs(n.db),
		Tariffs:        object.ReceivedTariffs(n.db),
		Tokens:         n.drivers,
		CommandResults: n.Commands.Sender,

		ChargingProfileResults: n.Commands.Sender,
	}
}
