package main

import (
	"context"
	"fmt"
	"github.com/alecthomas/kong"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/ocpi"
)

// dataFlag is the folder every command with data works on, and the key to what is secret in it.
type dataFlag struct {
	Data    string `help:"Folder where everything is kept." type:"path" default:"roamwire-data" placeholder:"DIR"`
	KeyFile string `help:"File with the key that encrypts the tokens we call partners with. It is made if it does not exist. Default: roamwire.key in the data folder. Keys in the variable ROAMWIRE_KEY win over it." type:"path" placeholder:"FILE"`
}

// keyVariable holds keys. There is no flag for them: flags can be seen by others on the machine.
const keyVariable = "ROAMWIRE_KEY"

// config is what the flags say of a configuration.
func (d dataFlag) config() node.Config {
	return node.Config{Data: d.Data, KeyFile: d.KeyFile, Key: os.Getenv(keyVariable)}
}

// open opens the data folder for a command that does not serve.
func (d dataFlag) open(ctx context.Context) (*node.Data, error) {
	return node.OpenData(ctx, d.config())
}

// existing opens a data folder that must be there already, for commands that only read.
func (d dataFlag) existing(ctx context.Context) (*node.Data, error) {
	if err := d.exists(); err != nil {
		return nil, err
	}
	return d.open(ctx)
}

func (d dataFlag) exists() error {
	if _, err := os.Stat(d.Data); err != nil {
		return fmt.Errorf("there is no data folder %s: set --data, start \"roamwire serve\", or fill it with \"roamwire import\"", d.Data)
	}
	return nil
}

// logFlags say how much is logged, and how.
type logFlags struct {
	LogLevel  string `help:"Least important messages to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL"`
	LogFormat string `help:"Form of the log: text or json." enum:"text,json" default:"text" placeholder:"FORM"`
}

func (l logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.LogLevel)) // kong has checked it
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// quietLogger tells of what went wrong and of nothing else.
func quietLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelError}))
}

// exchangeFlags say what is recorded of the messages between us and our partners.
type exchangeFlags struct {
	ExchangeLog      bool    `help:"Record every message between us and our partners, for \"roamwire log\"." default:"true" negatable:""`
	ExchangeBodySize int     `help:"How much of each body is recorded, in bytes; 0 for nothing." default:"8192" placeholder:"BYTES"`
	ExchangeBodyAge  ageFlag `help:"How long bodies are kept." default:"24h" placeholder:"TIME"`
	ExchangeAge      ageFlag `help:"How long all else about messages is kept." default:"30d" placeholder:"TIME"`
	ExchangeMaxSize  int64   `help:"Largest size of the record, in bytes; the oldest messages go first." default:"1073741824" placeholder:"BYTES"`
	ExchangeUnmasked bool    `help:"Record uids of tokens and ids of contracts as they are. Tokens that partners call with are masked in any case."`
}

func (e exchangeFlags) settings() exchange.Settings {
	settings := exchange.Settings{
		Off: !e.ExchangeLog, BodySize: e.ExchangeBodySize, BodyAge: time.Duration(e.ExchangeBodyAge), Age: time.Duration(e.ExchangeAge),
		MaxSize: e.ExchangeMaxSize, Unmasked: e.ExchangeUnmasked,
	}
	if settings.BodySize == 0 {
		settings.BodySize = -1 // nothing, while 0 is for the default
	}
	return settings
}

// An ageFlag is a time as typed, which may be in days: 90s, 12h, 30d.
type ageFlag time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *ageFlag) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		*a = ageFlag(time.Duration(n) * 24 * time.Hour)
		return err
	}
	d, err := time.ParseDuration(string(text))
	*a = ageFlag(d)
	return err
}

// A partyFlag is a party of ours as typed: DE/ROA, or DE/ROA=Name of the business.
type partyFlag struct {
	party ocpi.Party
	name  string
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *partyFlag) UnmarshalText(text []byte) (err error) {
	party, name, _ := strings.Cut(string(text), "=")
	p.name = strings.TrimSpace(name)
	p.party, err = ocpi.ParseParty(party)
	return err
}

// A roleFlag is a role as typed; case does not matter.
type roleFlag ocpi.Role

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *roleFlag) UnmarshalText(text []byte) error {
	role, ok := ocpi.ParseRole(string(text))
	if !ok {
		return fmt.Errorf("%q is no role: use CPO or EMSP", text)
	}
	*r = roleFlag(role)
	return nil
}

func roles(flags []roleFlag) []ocpi.Role {
	var roles []ocpi.Role
	for _, f := range flags {
		roles = append(roles, ocpi.Role(f))
	}
	return roles
}

// A versionFlag is a version of OCPI as typed.
type versionFlag ocpi.Version

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *versionFlag) UnmarshalText(text []byte) error {
	version, err := ocpi.ParseVersion(string(text))
	*v = versionFlag(version)
	return err
}

func spoken(flags []versionFlag) []ocpi.Version {
	var versions []ocpi.Version
	for _, f := range flags {
		versions = append(versions, ocpi.Version(f))
	}
	return versions
}

// A listFlag is a list that takes the place of another. The flag can be repeated, and its texts have commas between them; an
// empty text stands for an empty list.
type listFlag struct {
	given bool
	items []string
}

// Decode implements kong.MapperValue.
func (l *listFlag) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("list")
	if err != nil {
		return err
	}
	texts, ok := token.Value.([]any)
	if !ok {
		texts = []any{token.Value}
	}
	l.given = true
	for _, text := range texts {
		for item := range strings.SplitSeq(fmt.Sprint(text), ",") {
			if item = strings.TrimSpace(item); item != "" {
				l.items = append(l.items, item)
			}
		}
	}
	return nil
}

// parties reads the list as parties.
func (l *listFlag) parties() ([]ocpi.Party, error) {
	var all []ocpi.Party
	for _, item := range l.items {
		party, err := ocpi.ParseParty(item)
		if err != nil {
			return nil, err
		}
		all = append(all, party)
	}
	return all, nil
}
