package event

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Standard Webhooks (https://www.standardwebhooks.com): what is signed is the id, the time in seconds and the body, joined by
// dots. A secret is "whsec_" and 24 to 64 bytes in Base64.
const (
	secretPrefix                = "whsec_"
	leastSecret, mostSecret     = 24, 64
	madeSecret                  = 32
	headerID, headerTime        = "Webhook-Id", "Webhook-Timestamp"
	headerSignature, versionTag = "Webhook-Signature", "v1,"
)

func newSecret() string {
	b := make([]byte, madeSecret)
	_, _ = rand.Read(b) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(b)
}

func readSecret(secret string) (key []byte, err error) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return nil, errors.New("does not begin with whsec_")
	}
	if key, err = base64.StdEncoding.DecodeString(text); err != nil {
		return nil, errors.New("is not Base64 after whsec_")
	}
	if len(key) < leastSecret || len(key) > mostSecret {
		return nil, errors.New("does not hold 24 to 64 bytes")
	}
	return key, nil
}

// sign signs a body with each of the keys: the receiver takes it if it knows one of them.
func sign(keys [][]byte, id string, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	var all []string
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		all = append(all, versionTag+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return timestamp, strings.Join(all, " ")
}
