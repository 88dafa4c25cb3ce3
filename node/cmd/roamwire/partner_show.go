package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

type partnerShowCmd struct {
	nameFlags
	JSON bool `help:"Print JSON."`
}

// Run tells where we stand with a partner.
func (p *partnerShowCmd) Run(ctx context.Context, s streams) error {
	data, err := p.existing(ctx)
	if err != nil {
		return err
	}
	r, err := data.Partners.Relation(ctx, p.Name)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	quirks, err := p.quirks(ctx)
	if err != nil { // no reason not to show the rest
		fmt.Fprintln(s.err, "roamwire: the deviations of the partner are not known:", err)
	}
	if p.JSON {
		return showJSON(s.out, r, quirks)
	}
	return show(s.out, r, quirks, time.Now())
}

// quirks are those of the partner that were put right; none where nothing is recorded.
func (p *partnerShowCmd) quirks(ctx context.Context) ([]exchange.QuirkCount, error) {
	log, err := sqlitelog.OpenReader(ctx, node.ExchangeFile(p.Data))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	quirks, err := log.Quirks(ctx, p.Name)
	return quirks, errors.Join(err, log.Close())
}

// showJSON prints the relation without its tokens.
func showJSON(out io.Writer, r handshake.Relation, quirks []exchange.QuirkCount) error {
	for i := range r.Inbound {
		r.Inbound[i].Hash = handshake.TokenHash{}
	}
	for i := range r.Outbound {
		r.Outbound[i].Token = ""
	}
	if r.Offer != nil {
		r.Offer.TokenA, r.Offer.Token = "", ""
	}
	raw, err := json.Marshal(struct {
		Words string `json:"words"`
		handshake.Relation
		Quirks []exchange.QuirkCount `json:"quirks"`
	}{r.Words(), r, quirks}, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", raw)
	return err
}

// show prints the relation for people.
func show(out io.Writer, r handshake.Relation, quirks []exchange.QuirkCount, now time.Time) error {
	fmt.Fprintln(out, r.Name)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, lines ...string) {
		for i, text := range lines {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(w, "  %s\t%s\n", name, oneLine(text))
		}
	}
	line("state", r.Words())
	line("since", stamp(r.Since)+", "+ago(r.Since, now))
	line("parties", orDash(partyRoles(r.Remote.Roles)))
	if r.Remote.Hub != (ocpi.Party{}) {
		line("hub", r.Remote.Hub.String())
	}
	if r.Remote.Business != "" {
		line("business", r.Remote.Business)
	}
	line("served by", servedBy(r.Terms.Serves))
	line("terms", terms(r.Terms)...)
	if r.Remote.VersionsURL != "" {
		line("versions URL", r.Remote.VersionsURL)
	}
	line("versions", versions(r.Remote)...)
	line("endpoints", endpoints(r.Remote.Endpoints)...)
	line("they call us with", inbound(r.Inbound, now)...)
	line("we call them with", outbound(r, now)...)
	line("quirks", quirkLines(r.Terms.Quirks, quirks, now)...)
	return w.Flush()
}

func terms(t handshake.Terms) []string {
	var terms []string
	if t.Role != "" {
		terms = append(terms, "the partner is "+string(t.Role))
	}
	if t.Party != (ocpi.Party{}) {
		terms = append(terms, "the party is "+t.Party.String())
	}
	if len(t.Modules) > 0 {
		terms = append(terms, fmt.Sprintf("these modules must be offered: %v", t.Modules))
	}
	if t.Pin != "" {
		terms = append(terms, "the version is "+string(t.Pin))
	}
	if len(t.Hide) > 0 {
		terms = append(terms, fmt.Sprintf("these versions are hidden from the partner: %v", t.Hide))
	}
	return terms
}

func versions(r handshake.Remote) []string {
	var texts []string
	for _, v := range r.Offers {
		text := string(v)
		if v == r.Version {
			text += " (in use)"
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil
	}
	lines := []string{strings.Join(texts, ", ") + "; read " + stamp(r.Read)}
	if r.Stay != "" {
		lines = append(lines, "they went back from a higher one; \"roamwire partner rotate\" moves up again")
	}
	return lines
}

func endpoints(endpoints []ocpi.Endpoint) []string {
	var lines []string
	for _, e := range endpoints {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%-12s %s %s", e.Module, e.Role, e.URL)))
	}
	return lines
}

func inbound(tokens []handshake.InboundToken, now time.Time) []string {
	if len(tokens) == 0 {
		return []string{"no token"}
	}
	var lines []string
	for _, t := range tokens {
		words := map[handshake.TokenStatus]string{
			handshake.TokenInvitation: "token A, to register with",
			handshake.TokenSpent:      "token A, in case our answer was lost",
			handshake.TokenPending:    "new token, sent or about to be",
			handshake.TokenCurrent:    "current token",
			handshake.TokenOld:        "token before",
		}[t.Status]
		words += ", made " + ago(t.Made, now)
		switch {
		case t.Status == handshake.TokenCurrent && t.Used.IsZero():
			words += ", not used yet"
		case t.Status == handshake.TokenCurrent:
			words += ", first used " + ago(t.Used, now)
		}
		if !t.Expires.IsZero() {
			words += ", good until " + stamp(t.Expires)
		}
		lines = append(lines, words)
	}
	return lines
}

func outbound(r handshake.Relation, now time.Time) []string {
	if len(r.Outbound) == 0 {
		return []string{"no token"}
	}
	var lines []string
	for i, t := range r.Outbound {
		words := "current token"
		if i > 0 {
			words = "another token"
		}
		words += ", made " + ago(t.Made, now)
		if t.Proven.IsZero() {
			words += ", not proven yet"
		}
		lines = append(lines, words)
	}
	if r.Encoding != "" {
		lines[0] += ", sent " + string(r.Encoding)
	}
	return lines
}

// oneLine makes a foreign text fit for a line on a screen.
func oneLine(text string) string {
	return printable(strings.NewReplacer("\n", " ", "\t", " ").Replace(text))
}

func quirkLines(profile string, quirks []exchange.QuirkCount, now time.Time) []string {
	lines := []string{"profile " + cmp.Or(profile, "lenient")}
	if len(quirks) == 0 {
		return append(lines, "none seen in what is recorded")
	}
	for _, q := range quirks {
		lines = append(lines, fmt.Sprintf("%s in %d messages, last %s", q.Name, q.Messages, ago(q.Last, now)))
	}
	return lines
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// ago says how long ago something was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

func orDash(s string) string { return cmp.Or(s, "-") }
