package authorize

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// WebhookConfig says how the operator's system is asked whether a driver may charge. URL is required.
type WebhookConfig struct {
	// URL takes the question as a POST and answers it at once.
	URL string
	// Secret proves that the question is ours. One that begins with "whsec_" is the key, in Base64, of a signature as
	// Standard Webhooks has it; any other is sent as a bearer token. Empty for neither.
	Secret string
	// Deadline is how long an answer may take. Default 2 seconds.
	Deadline time.Duration
	// AtOnce is how many questions can be under way; others wait, within their deadline. Default 256.
	AtOnce int
	// Now is the clock for timestamps. Default time.Now.
	Now func() time.Time
}

const (
	defaultWebhookDeadline = 2 * time.Second
	defaultAtOnce          = 256
	// largestAnswer bounds what is read of an answer, in bytes.
	largestAnswer = 64 << 10
	secretPrefix  = "whsec_"
)

// A Webhook asks the operator's system.
type Webhook struct {
	config WebhookConfig
	client *http.Client
	// key signs questions; nil where they are not signed.
	key []byte
	// seats are taken by the questions that are under way.
	seats chan struct{}
}

// NewWebhook returns a Webhook. It fails where the URL or the secret cannot be used.
func NewWebhook(config WebhookConfig) (*Webhook, error) {
	u, err := url.Parse(config.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the URL of the webhook that decides who may charge must be an http or https URL")
	}
	config.Deadline = cmp.Or(max(0, config.Deadline), defaultWebhookDeadline)
	config.AtOnce = cmp.Or(max(0, config.AtOnce), defaultAtOnce)
	if config.Now == nil {
		config.Now = time.Now
	}
	w := &Webhook{config: config, seats: make(chan struct{}, config.AtOnce)}
	if text, signed := strings.CutPrefix(config.Secret, secretPrefix); signed {
		if w.key, err = base64.StdEncoding.DecodeString(text); err != nil || len(w.key) == 0 {
			return nil, errors.New(`the secret of the webhook that decides who may charge begins with "whsec_", and the rest is not Base64`)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = config.AtOnce, config.AtOnce, config.AtOnce
	w.client = &http.Client{
		Transport: transport,
		// An answer comes from where the question went.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w, nil
}

// A webhookQuestion is what the operator's system is asked.
type webhookQuestion struct {
	// Partner is our name for the CPO that asks.
	Partner string     `json:"partner"`
	Token   v230.Token `json:"token"`
	// Location is where the driver wants to charge, without what is known to be no place to; nil where that was not said.
	Location *Place `json:"location,omitempty"`
	// Proposed is what is answered if the operator's system is not heard.
	Proposed v230.AllowedType `json:"proposed"`
}

// A webhookAnswer is what the operator's system says.
type webhookAnswer struct {
	Allowed v230.AllowedType `json:"allowed"`
	// Info is for the driver to read.
	Info *v230.DisplayText `json:"info"`
	// Location is where of what was asked the driver may charge; nil for all of it.
	Location *Place `json:"location"`
	// AuthorizationReference is repeated in the session and CDR, by partners of 2.2 and later.
	AuthorizationReference *ocpi.CiString `json:"authorization_reference"`
	// NeedsLocation asks the CPO to say where the driver wants to charge, where it has not.
	NeedsLocation bool `json:"needs_location"`

	// without says what of the answer cannot be sent to a CPO, and was left out; empty for nothing.
	without string
}

// longestReference is how many characters an authorization reference may have.
const longestReference = 36

// leaveOut takes out what no CPO can be sent: whether the driver may charge counts without it.
func (a *webhookAnswer) leaveOut() {
	var without []string
	if a.Info != nil && a.Info.Text == "" {
		a.Info = nil
	}
	if a.Info != nil {
		if findings := a.Info.Validate(); len(findings) > 0 {
			without = append(without, fmt.Sprintf("its text for the driver (%s: %s)", strings.TrimPrefix(findings[0].Pointer, "/"), findings[0].Message))
			a.Info = nil
		}
	}
	if ref := a.AuthorizationReference; ref != nil && (*ref == "" || len(*ref) > longestReference) {
		if *ref != "" {
			without = append(without, fmt.Sprintf("its authorization reference (%d characters, %d are allowed)", len(*ref), longestReference))
		}
		a.AuthorizationReference = nil
	}
	a.without = strings.Join(without, " and ")
}

// ask asks, and says in a word and as an error why it was not heard.
func (w *Webhook) ask(ctx context.Context, q webhookQuestion) (webhookAnswer, Trouble, error) {
	ctx, cancel := context.WithTimeout(ctx, w.config.Deadline)
	defer cancel()
	select {
	case w.seats <- struct{}{}:
		defer func() { <-w.seats }()
	case <-ctx.Done():
		return webhookAnswer{}, Busy, fmt.Errorf("%d others were asked about, and none was answered within %s", w.config.AtOnce, w.config.Deadline)
	}
	request, err := w.request(ctx, q)
	if err != nil {
		return webhookAnswer{}, Failed, err
	}
	response, err := w.client.Do(request)
	if ctx.Err() != nil {
		err = w.late(response)
		return webhookAnswer{}, Late, err
	}
	if err != nil {
		return webhookAnswer{}, Failed, errors.New(withoutURL(err))
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer+1))
	switch {
	case ctx.Err() != nil:
		return webhookAnswer{}, Late, w.late(nil)
	case err != nil:
		return webhookAnswer{}, Failed, fmt.Errorf("its answer broke off: %w", err)
	case response.StatusCode != http.StatusOK:
		return webhookAnswer{}, Failed, fmt.Errorf("it answered HTTP %d", response.StatusCode)
	}
	a, err := readAnswer(raw)
	if err != nil {
		return webhookAnswer{}, Unusable, err
	}
	return a, "", nil
}

func (w *Webhook) late(response *http.Response) error {
	if response != nil {
		_ = response.Body.Close() // nobody reads it
	}
	return fmt.Errorf("no answer within %s", w.config.Deadline)
}

// withoutURL is why a request failed, without its URL, which may hold a secret.
func withoutURL(err error) string {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	return err.Error()
}

// readAnswer reads an answer. Members that are not known are ignored.
func readAnswer(raw []byte) (webhookAnswer, error) {
	var a webhookAnswer
	if len(raw) > largestAnswer {
		return a, fmt.Errorf("its answer has more than %d bytes", largestAnswer)
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, fmt.Errorf("its answer cannot be read: %w", err)
	}
	if !a.Allowed.Known() && !a.NeedsLocation {
		return a, fmt.Errorf("its answer says neither ALLOWED nor why not: %.40q", string(a.Allowed))
	}
	if a.Allowed == "" { // it needs the location, and has got it
		a.Allowed = v230.AllowedTypeNotAllowed
	}
	a.leaveOut()
	return a, nil
}

// request is the question as it is sent, in the form of Standard Webhooks.
func (w *Webhook) request(ctx context.Context, q webhookQuestion) (*http.Request, error) {
	now := w.config.Now()
	body, err := json.Marshal(struct {
		Type      string          `json:"type"`
		Timestamp string          `json:"timestamp"`
		Data      webhookQuestion `json:"data"`
	}{"authorization.request", now.UTC().Format(time.RFC3339), q})
	if err != nil {
		return nil, fmt.Errorf("write the question: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.config.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	id, timestamp := "msg_"+rand.Text(), strconv.FormatInt(now.Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", timestamp)
	switch {
	case w.key != nil:
		r.Header.Set("Webhook-Signature", "v1,"+signature(w.key, id, timestamp, body))
	case w.config.Secret != "":
		r.Header.Set("Authorization", "Bearer "+w.config.Secret)
	}
	return r, nil
}

// signature is the one of Standard Webhooks: over the id, the time and the body.
func signature(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
