package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node"
	room "github.com/roamwire/roamwire/node/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// apiFlags are about the API for the operator's own systems, and what they are told.
type apiFlags struct {
	APIListen            string  `help:"Address of the API for the operator's own systems, under /api; it wants keys of \"roamwire key add\". Empty for none." name:"api-listen" default:"127.0.0.1:8090" placeholder:"ADDR"`
	EventsKeep           ageFlag `help:"How long events are kept for those who were away." default:"7d" placeholder:"TIME"`
	EventsKeepCount      int     `help:"How many events are kept at most, besides those that wait for a webhook." default:"1000000" placeholder:"N"`
	WebhookRefusePrivate bool    `help:"Refuse webhooks at private and local addresses, and without TLS."`
	OpenAPI              bool    `help:"Serve the OpenAPI documents of the OCPI endpoints, and pages that show them, to anyone." name:"openapi" default:"true" negatable:""`
}

func (a *apiFlags) serveAPI(config *node.Config) {
	config.APIListen, config.NoOpenAPI = a.APIListen, !a.OpenAPI
	config.Events = node.EventsConfig{Keep: time.Duration(a.EventsKeep), KeepCount: a.EventsKeepCount, RefusePrivate: a.WebhookRefusePrivate}
}

// commandFlags are about commands under way.
type commandFlags struct {
	CommandAnswerWithin time.Duration        `help:"How long a partner is kept waiting until the operator's system answers its command; 0 for not at all." default:"3s" placeholder:"TIME"`
	CommandDefault      []commandDefaultFlag `help:"The answer to a kind of command that nobody answers in time, such as UNLOCK_CONNECTOR=NOT_SUPPORTED. Can be repeated. Default: REJECTED." placeholder:"KIND=ANSWER"`
	CommandResultWithin time.Duration        `help:"How long the result of a command that was accepted may take, before the partner is told TIMEOUT." default:"1m" placeholder:"TIME"`
	CommandTimeout      time.Duration        `help:"How long a command that we sent may take before it ends as TIMEOUT." default:"2m" placeholder:"TIME"`
}

func (c *commandFlags) settings() room.Settings {
	s := room.Settings{AnswerWithin: c.CommandAnswerWithin, ResultWithin: c.CommandResultWithin, Timeout: c.CommandTimeout}
	if s.AnswerWithin == 0 {
		s.AnswerWithin = -1 // not at all, while 0 is for the default
	}
	for _, d := range c.CommandDefault {
		if s.Default == nil {
			s.Default = map[v230.CommandType]v230.CommandResponseType{}
		}
		s.Default[d.kind] = d.answer
	}
	return s
}

// A commandDefaultFlag is an answer to a kind of command as typed: START_SESSION=REJECTED.
type commandDefaultFlag struct {
	kind   v230.CommandType
	answer v230.CommandResponseType
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *commandDefaultFlag) UnmarshalText(text []byte) error {
	kind, answer, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(string(text))), "=")
	d.kind, d.answer = v230.CommandType(kind), v230.CommandResponseType(answer)
	if !d.kind.Known() || !d.answer.Known() {
		return fmt.Errorf("%q is no answer to a command: write it as START_SESSION=REJECTED", text)
	}
	return nil
}

// authorizeFlags say how it is decided who may charge.
type authorizeFlags struct {
	AuthorizeDeadline          time.Duration `help:"How long an eMSP may take to say whether its driver may charge, unless its policy says otherwise." default:"3s" placeholder:"TIME"`
	AuthorizeRefuseUnknown     bool          `help:"Let nobody charge with a token that no eMSP has sent. Without it, all eMSPs are asked about it."`
	AuthorizeWebhook           string        `help:"URL of a system of ours that decides whether our drivers may charge. Default: their tokens say it." placeholder:"URL"`
	AuthorizeWebhookSecretFile string        `help:"File with what proves to it that a question is ours: whsec_ and Base64 signs questions, anything else is a bearer token. The variable ROAMWIRE_AUTHORIZE_WEBHOOK_SECRET wins over it." type:"path" placeholder:"FILE"`
	AuthorizeWebhookDeadline   time.Duration `help:"How long it may take." default:"2s" placeholder:"TIME"`
	AuthorizeWebhookOnly       bool          `help:"Let nobody charge while it is not heard. Without it, the tokens decide then."`
}

// webhookSecretVariable holds a secret. There is no flag for it: flags can be seen by others on the machine.
const webhookSecretVariable = "ROAMWIRE_AUTHORIZE_WEBHOOK_SECRET"

func (a *authorizeFlags) settings() (node.AuthorizeConfig, error) {
	config := node.AuthorizeConfig{
		Deadline: a.AuthorizeDeadline, RefuseUnknown: a.AuthorizeRefuseUnknown, Webhook: a.AuthorizeWebhook,
		WebhookSecret: os.Getenv(webhookSecretVariable), WebhookDeadline: a.AuthorizeWebhookDeadline, WebhookOnly: a.AuthorizeWebhookOnly,
	}
	if config.WebhookSecret != "" || a.AuthorizeWebhookSecretFile == "" {
		return config, nil
	}
	secret, err := os.ReadFile(a.AuthorizeWebhookSecretFile)
	if err != nil {
		return config, fmt.Errorf("read the secret of the authorization webhook: %w", err)
	}
	config.WebhookSecret = strings.TrimSpace(string(secret))
	return config, nil
}
