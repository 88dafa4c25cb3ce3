package ocpitest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
)

// A Partner is a whole OCPI party for tests: it runs a server on loopback, registers with another platform or lets that
// platform register with it, calls it, and writes down every request it gets. It behaves well until Mean is told
// otherwise.
//
// A Partner has a relation with one other platform at a time. Any number of goroutines may use it at once.
type Partner struct {
	// URL is the base of every route, such as http://127.0.0.1:34567/ocpi.
	URL string
	// Party is who the Partner is, in all its roles.
	Party ocpi.Party
	// CPO and EMSP are its backends, whose objects can be read and changed while it runs; nil for a role it does not
	// have.
	CPO  *CPO
	EMSP *EMSP

	config   PartnerConfig
	flavour  flavour
	relation relation
	requests requestLog
	faults   faults

	handler http.Handler
	server  *http.Server
	client  *http.Client
	served  chan struct{}
	// stop ends what waits inside a request.
	stop     context.CancelFunc
	mu       sync.Mutex
	closed   bool
	handlers sync.WaitGroup
}

// PartnerConfig says who a Partner is and how it speaks. The zero PartnerConfig makes the eMSP NL/TPE, whose tokens are
// those of the sample network.
type PartnerConfig struct {
	// Party is NL/TPE where it is not set.
	Party ocpi.Party
	// Name is what the party calls itself. Default "Test partner".
	Name string
	// Roles are ocpi.RoleCPO, ocpi.RoleEMSP or both. Default eMSP.
	Roles []ocpi.Role
	// Versions are those it speaks. Default 2.1.1.
	Versions []ocpi.Version
	// Expect are modules that the other side must offer. Where one is missing, registration fails with status 3003
	// (requirement C-15). The module credentials is expected in any case.
	Expect []ocpi.ModuleID
	// Encoding is how it writes tokens in its calls; empty for what the version asks for. It understands both.
	Encoding ocpi.TokenEncoding
	// ForgetOldToken makes the token that the other side had stop working as soon as a PUT has been given a new one.
	// Otherwise both work until the new one is first used.
	ForgetOldToken bool
	// PageLimit is the largest number of objects in a page; 0 for that of package ocpiserver.
	PageLimit int
	// CallTimeout is how long its own calls wait for an answer. Default 30 seconds.
	CallTimeout time.Duration
	// Empty leaves the sample's objects out.
	Empty bool
	// Flavour is whose habits it has; empty for what the specification says.
	Flavour Flavour
	// Logger gets what the server of a Partner logs; nil for nobody, because a mean partner causes a lot of it.
	Logger *slog.Logger
}

// A Flavour is whose habits a Partner has.
type Flavour string

// FlavourStandard does as the specification says.
const FlavourStandard Flavour = ""

func (c PartnerConfig) withDefaults() PartnerConfig {
	if c.Party == (ocpi.Party{}) {
		c.Party = ocpi.NewParty("NL", "TPE")
	}
	if c.Name == "" {
		c.Name = "Test partner"
	}
	if len(c.Roles) == 0 {
		c.Roles = []ocpi.Role{ocpi.RoleEMSP}
	}
	if len(c.Versions) == 0 {
		c.Versions = []ocpi.Version{ocpi.V211}
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = callTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c PartnerConfig) check() error {
	for _, role := range c.Roles {
		if role != ocpi.RoleCPO && role != ocpi.RoleEMSP {
			return fmt.Errorf("a Partner cannot be %s", role)
		}
	}
	if _, ok := flavourOf(c.Flavour); !ok {
		return fmt.Errorf("there is no flavour %q", c.Flavour)
	}
	return nil
}

// NewPartner starts a Partner on a free port of the loopback interface. Call Close when done.
func NewPartner(config PartnerConfig) (*Partner, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("ocpitest: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("ocpitest: listen on loopback: %w", err)
	}
	p := &Partner{
		URL: "http://" + listener.Addr().String() + "/ocpi", Party: config.Party, config: config,
		client: newClient(config.CallTimeout), served: make(chan struct{}),
	}
	p.flavour, _ = flavourOf(config.Flavour) // check has seen to it
	if err := p.build(); err != nil {
		_ = listener.Close() // the error at hand is the one that matters
		return nil, fmt.Errorf("ocpitest: %w", err)
	}
	p.serve(listener)
	return p, nil
}

// build makes the backends and what stands before them.
func (p *Partner) build() error {
	config := ocpiserver.Config{
		BaseURL: p.URL, Versions: p.config.Versions, Partners: &p.relation, Credentials: registrar{p},
		PageLimit: p.config.PageLimit, Logger: p.config.Logger,
	}
	sample := Network(p.Party)
	for _, role := range p.config.Roles {
		config.Parties = append(config.Parties, ocpi.PartyRole{Role: role, Party: p.Party})
	}
	if slices.Contains(p.config.Roles, ocpi.RoleCPO) {
		p.CPO = new(CPO)
		config.CPO = p.CPO.Backend()
	}
	if slices.Contains(p.config.Roles, ocpi.RoleEMSP) {
		p.EMSP = new(EMSP)
		config.EMSP = p.EMSP.Backend()
	}
	if p.CPO != nil && !p.config.Empty {
		p.CPO.Fill(sample)
	}
	if p.EMSP != nil && !p.config.Empty {
		p.EMSP.Fill(sample)
	}
	p.flavour.configure(&config)
	server, err := ocpiserver.New(config)
	if err != nil {
		return err
	}
	p.handler = p.flavour.wrap(p, server)
	return nil
}

func (p *Partner) serve(listener net.Listener) {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.server = &http.Server{
		Handler: http.HandlerFunc(p.answer), ReadHeaderTimeout: readHeaderTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener) // ends with http.ErrServerClosed, by Close
	}()
}

// answer writes a request down, and has it answered by the faults that are about it and the server behind them.
func (p *Partner) answer(w http.ResponseWriter, r *http.Request) {
	if !p.enter() {
		panic(http.ErrAbortHandler)
	}
	defer p.handlers.Done()
	// Deadlines that an earlier request of the connection has set are not for a slow answer to this one.
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{})
	request := p.requests.add(w, r)
	handler := p.handler
	for _, do := range slices.Backward(p.faults.take(request)) {
		handler = do(handler)
	}
	handler.ServeHTTP(w, r)
}

// enter counts a request in, unless the Partner is closed.
func (p *Partner) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.handlers.Add(1)
	return true
}

// Close stops the server, cuts its connections, ends the requests that hang, and returns when all of it is gone.
func (p *Partner) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop()
	err := p.server.Close()
	<-p.served
	p.handlers.Wait()
	p.client.CloseIdleConnections()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("ocpitest: close: %w", err)
	}
	return nil
}

// VersionsURL is where the other side finds the versions: the address for partners of the given role of ours, or of all
// of them where role is empty. Version 2.1.1 cannot say which role an endpoint is for, so a Partner with both has an
// address for each (requirement V-05).
func (p *Partner) VersionsURL(role ocpi.Role) string {
	if role == "" {
		return p.URL + "/versions"
	}
	return p.URL + "/" + strings.ToLower(string(role)) + "/versions"
}

// versionsURL is the one the Partner gives away.
func (p *Partner) versionsURL() string {
	if len(p.config.Roles) == 1 || p.flavour.oneVersionsURL {
		return p.VersionsURL("")
	}
	return p.VersionsURL(p.config.Roles[0])
}
