package store

import "crypto/sha256"

// HashToken returns the hash under which a token is stored and looked up. Tokens are random and long, so a plain hash
// gives nothing away and looking one up compares no secret bytes.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }
