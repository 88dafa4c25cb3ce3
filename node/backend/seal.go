package backend

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// Answers can have secrets in them that are shown once, such as a partner's token. What is kept of them is encrypted by a key
// that is made of the access key they were asked for with, which the node itself does not keep.

// sealerOf is what encrypts the answers to the caller.
func sealerOf(ctx context.Context) (cipher.AEAD, error) {
	const keySize = 32
	c, _ := ctx.Value(callerKey{}).(caller)
	key, err := hkdf.Key(sha256.New, []byte(c.key), nil, "answers", keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal encrypts the body of the answer to a request.
func seal(ctx context.Context, body []byte, request [sha256.Size]byte) ([]byte, error) {
	sealer, err := sealerOf(ctx)
	if err != nil {
		return nil, err
	}
	return sealer.Seal(nil, nil, body, request[:]), nil
}

// unseal is the body of an answer as it was; it fails for a caller with another key.
func unseal(ctx context.Context, sealed []byte, request [sha256.Size]byte) ([]byte, error) {
	sealer, err := sealerOf(ctx)
	if err != nil {
		return nil, err
	}
	return sealer.Open(nil, nil, sealed, request[:])
}
