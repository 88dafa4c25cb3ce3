package ocpi

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// MaxTokenLength is the longest token, in characters (requirement TF-02).
const MaxTokenLength = 64

// CheckToken says what is wrong with a credentials token: it must be 1 to 64 printable ASCII characters without
// spaces (requirement TF-02).
func CheckToken(token string) error {
	if token == "" {
		return fmt.Errorf("the token is empty")
	}
	if len(token) > MaxTokenLength {
		return fmt.Errorf("the token has %d characters, %d are allowed", len(token), MaxTokenLength)
	}
	for i := range len(token) {
		if token[i] < '!' || token[i] > '~' {
			return fmt.Errorf("the token has a space or a character outside printable ASCII at position %d", i+1)
		}
	}
	return nil
}

// A TokenEncoding is how a token is written in the Authorization header.
type TokenEncoding string

// The two encodings in use. Version 2.1.1 is silent and sends tokens as they are; 2.2 and later ask for Base64, and
// not everyone does what their version says (requirements TF-06, DT-01, DT-04).
const (
	TokenPlain  TokenEncoding = "plain"
	TokenBase64 TokenEncoding = "base64"
)

// DefaultTokenEncoding is the encoding a version asks for.
func DefaultTokenEncoding(v Version) TokenEncoding {
	if v.Compare("2.2") < 0 {
		return TokenPlain
	}
	return TokenBase64
}

// Authorization returns the value of the Authorization header for a token.
func Authorization(token string, encoding TokenEncoding) string {
	if encoding == TokenBase64 {
		token = base64.StdEncoding.EncodeToString([]byte(token))
	}
	return "Token " + token
}

// ParseAuthorization returns the tokens an Authorization header may stand for: first as written, then, where it is
// Base64 of something that can be a token, decoded. It returns none for a header that is missing, has another scheme,
// or holds no token (requirement TF-08).
func ParseAuthorization(header string) []string {
	scheme, written, found := strings.Cut(strings.TrimSpace(header), " ")
	written = strings.TrimSpace(written)
	if !found || !strings.EqualFold(scheme, "Token") {
		return nil
	}
	var tokens []string
	if CheckToken(written) == nil {
		tokens = append(tokens, written)
	}
	if decoded := decodeToken(written); decoded != "" {
		tokens = append(tokens, decoded)
	}
	return tokens
}

// decodeToken undoes Base64 with or without padding. A newline at the end is dropped: partners who encode with
// "echo token | base64" send it along (requirement DT-02).
func decodeToken(written string) string {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(written, "="))
	if err != nil {
		return ""
	}
	decoded := strings.TrimRight(string(raw), "\r\n")
	if CheckToken(decoded) != nil {
		return ""
	}
	return decoded
}
