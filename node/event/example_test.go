package event_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// verify checks that the node has sent a body, and within five minutes.
func verify(header http.Header, body []byte, secret string) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return errors.New("the secret is none")
	}
	at, err := strconv.ParseInt(header.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return errors.New("the time is missing, or far from now")
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", header.Get("Webhook-Id"), at, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for one := range strings.FieldsSeq(header.Get("Webhook-Signature")) {
		if hmac.Equal([]byte(one), []byte(want)) {
			return nil
		}
	}
	return errors.New("no signature is good")
}

// documented is a file of the documentation.
func documented(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheDocumentedCheckOfASignatureIsGood(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, function, _ := strings.Cut(string(source), "// verify checks")
	function, _, _ = strings.Cut(function, "\n}\n")
	if want := "```go\n// verify checks" + function + "\n}\n```\n"; !strings.Contains(documented(t, "events.md"), want) {
		t.Errorf("docs/events.md does not have %s", want)
	}

	const secret, other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	body := []byte(`{"specversion":"1.0"}`)
	signed := func(secret string, at time.Time) http.Header {
		t.Helper()
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer.Sign("evt_17", at, body)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		header.Set("Webhook-Id", "evt_17")
		header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
		header.Set("Webhook-Signature", signature)
		return header
	}
	rotated := signed(secret, time.Now())
	rotated.Set("Webhook-Signature", signed(other, time.Now()).Get("Webhook-Signature")+" "+rotated.Get("Webhook-Signature"))
	untimed := signed(secret, time.Now())
	untimed.Del("Webhook-Timestamp")
	for name, test := range map[string]struct {
		header http.Header
		body   string
		secret string
		good   bool
	}{
		"as it was sent":         {signed(secret, time.Now()), string(body), secret, true},
		"one of two signatures":  {rotated, string(body), secret, true},
		"with another secret":    {signed(other, time.Now()), string(body), secret, false},
		"with another body":      {signed(secret, time.Now()), string(body) + " ", secret, false},
		"sent again much later":  {signed(secret, time.Now().Add(-6*time.Minute)), string(body), secret, false},
		"from the future":        {signed(secret, time.Now().Add(6*time.Minute)), string(body), secret, false},
		"without a time":         {untimed, string(body), secret, false},
		"without any signature":  {http.Header{}, string(body), secret, false},
		"where no secret is set": {signed(secret, time.Now()), string(body), "", false},
	} {
		if err := verify(test.header, []byte(test.body), test.secret); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
