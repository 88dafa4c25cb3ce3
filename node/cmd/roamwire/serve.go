package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

type serveCmd struct {
	dataFlag
	logFlags
	exchangeFlags
	apiFlags
	commandFlags
	authorizeFlags
	Listen      string        `help:"Address to serve OCPI on." default:"127.0.0.1:8080" placeholder:"ADDR"`
	PublicURL   string        `help:"Where partners reach this node from outside, without the prefix, such as https://ocpi.example.com. Every URL handed out starts with it. Default: the address listened on, which partners elsewhere cannot reach." placeholder:"URL"`
	Prefix      string        `help:"Path of OCPI below the public URL; / for none." default:"/ocpi" placeholder:"PATH"`
	AdminListen string        `help:"Address of /healthz, /readyz, /metrics and /debug/pprof; keep it away from partners. Default: none." placeholder:"ADDR"`
	Party       []partyFlag   `help:"A party this node speaks for, such as DE/ROA or \"DE/ROA=Name of the business\". Can be repeated." required:"" placeholder:"PARTY"`
	Role        []roleFlag    `help:"Roles of those parties: CPO, EMSP or both." default:"CPO,EMSP" placeholder:"ROLE"`
	Versions    []versionFlag `help:"Versions of OCPI to speak, with commas between them: 2.1.1, 2.2.1, 2.3.0. With each partner the highest that both speak is used. Default: all." placeholder:"VERSION"`
	Website     string        `help:"Website of the business, told to partners." placeholder:"URL"`
	TLSCert     string        `help:"TLS certificate file (PEM). Without it, put a proxy that speaks TLS in front." type:"path" placeholder:"FILE"`
	TLSKey      string        `help:"TLS key file (PEM)." type:"path" placeholder:"FILE"`

	PageLimit       int           `help:"Largest page, and the page where a partner asks for no size." default:"100" placeholder:"N"`
	MaxBody         int64         `help:"Largest request body, in bytes." default:"1048576" placeholder:"BYTES"`
	HeaderTimeout   time.Duration `help:"Time a partner has to send the headers." default:"10s" placeholder:"TIME"`
	BodyTimeout     time.Duration `help:"Time a partner has to send a body." default:"30s" placeholder:"TIME"`
	IdleTimeout     time.Duration `help:"Time a connection without requests stays open." default:"2m" placeholder:"TIME"`
	ShutdownTimeout time.Duration `help:"Time requests under way get to finish when the node stops." default:"10s" placeholder:"TIME"`
	TrailingSlash   bool          `help:"End the endpoint URLs in version details with a slash. Both forms are served either way."`
	OpenData        bool          `help:"Let anyone read locations and tariffs without a token, and nothing else."`
	CORSOrigin      []string      `help:"Web origin that may call from a browser, or * for any. Can be repeated." name:"cors-origin" placeholder:"ORIGIN"`

	AllowPrivate        bool          `help:"Call partners at private and loopback addresses too, and without TLS. Without it such URLs are refused, whoever names them."`
	CallTimeout         time.Duration `help:"Time a partner has to answer a call of ours while tokens are exchanged." default:"10s" placeholder:"TIME"`
	RegistrationTimeout time.Duration `help:"Time an exchange of credentials may take from its first step to its last. One that was interrupted is looked after when it is over." default:"1m" placeholder:"TIME"`
	TokenGrace          time.Duration `help:"Time a token that was replaced stays good, as long as its successor has not been used." default:"24h" placeholder:"TIME"`
	RegistrationWindow  time.Duration `help:"Time a partner may register again with the same token A, because our answer may have been lost." default:"15m" placeholder:"TIME"`
	CDRSettle           time.Duration `help:"Time after the answer to a CDR was lost before the partner is believed that it does not have it: it may be slow." name:"cdr-settle" default:"2m" placeholder:"TIME"`
	UpdateEvery         time.Duration `help:"How often versions and endpoints of registered partners are read again; 0 for never." default:"24h" placeholder:"TIME"`
}

// onStep is told of the steps of exchanges of credentials; tests set it.
var onStep func(context.Context, handshake.Step)

// Help is what serve --help teaches beside its flags.
func (serveCmd) Help() string {
	return `Partners are invited with "roamwire partner invite" and registered with by "roamwire partner register"; data comes with
"roamwire import". All of them work while the node runs.

Example:
  roamwire serve --party "DE/ROA=Roamwire Power" --listen :8080 --public-url https://ocpi.example.com`
}

func (s *serveCmd) config(io streams) (config node.Config, err error) {
	config = s.dataFlag.config()
	config.Listen, config.PublicURL, config.Prefix, config.AdminListen = s.Listen, s.PublicURL, s.Prefix, s.AdminListen
	config.TLSCert, config.TLSKey, config.Versions = s.TLSCert, s.TLSKey, spoken(s.Versions)
	config.PageLimit, config.MaxBody = s.PageLimit, s.MaxBody
	config.HeaderTimeout, config.BodyTimeout, config.IdleTimeout = s.HeaderTimeout, s.BodyTimeout, s.IdleTimeout
	config.ShutdownTimeout, config.TrailingSlash, config.OpenData, config.CORSOrigins = s.ShutdownTimeout, s.TrailingSlash, s.OpenData, s.CORSOrigin
	config.AllowPrivate, config.Exchanges, config.Logger, config.OnStep = s.AllowPrivate, s.exchangeFlags.settings(), s.logger(io.err), onStep
	config.Registration = node.RegistrationLimits{
		CallTimeout: s.CallTimeout, Timeout: s.RegistrationTimeout, Grace: s.TokenGrace, Window: s.RegistrationWindow, UpdateEvery: s.UpdateEvery,
	}
	config.Push.Backoff.Settle = s.CDRSettle
	s.serveAPI(&config)
	config.Version, config.Commands = built(), s.commandFlags.settings()
	config.Authorize, err = s.authorizeFlags.settings()
	for _, p := range s.Party {
		config.Parties = append(config.Parties, node.Party{Party: p.party, Roles: roles(s.Role), Name: p.name, Website: s.Website})
	}
	return config, err
}

// Run serves until interrupted.
func (s *serveCmd) Run(ctx context.Context, io streams) error {
	for _, role := range roles(s.Role) {
		if role != ocpi.RoleCPO && role != ocpi.RoleEMSP {
			return fmt.Errorf("the role %s is not served: use CPO, EMSP or both", role)
		}
	}
	config, err := s.config(io)
	if err != nil {
		return err
	}
	n, err := node.New(ctx, config)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "roamwire serves OCPI at %s/versions\n", n.URL())
	fmt.Fprintf(io.out, "versions %s\n", versionList(n.Versions()))
	if admin := n.AdminURL(); admin != "" {
		fmt.Fprintf(io.out, "health and metrics at %s/healthz, /readyz and /metrics\n", admin)
	}
	if api := n.APIURL(); api != "" {
		fmt.Fprintf(io.out, "the backend API at %s/api/v1, shown at %s/api/docs\n", api, api)
	}
	return n.Run(ctx)
}

// versionList writes versions with commas between them, the newest first.
func versionList(versions []ocpi.Version) string {
	var words []string
	for _, v := range slices.Backward(versions) {
		words = append(words, string(v))
	}
	return strings.Join(words, ", ")
}
