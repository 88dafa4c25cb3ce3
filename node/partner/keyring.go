package partner

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A Keyring encrypts the tokens we call partners with (AES-256-GCM). Its first key encrypts, all of them decrypt. The keys
// are in a file, one a line, or were given, as the environment does.
type Keyring struct {
	file string
	// made is told when the file did not exist and was made.
	made func(file string)

	mu sync.Mutex
	// missed tells that the file should be there: no other is made.
	missed bool
	keys   []key
	// text is what the keys were read from.
	text []byte
}

// A key is 32 random bytes, written in Base64.
type key struct {
	id   string
	text string
	aead cipher.AEAD
}

const keyBytes = 32

// KeysInFile returns a keyring over a file. The file is made, readable by nobody else, when something is to be encrypted
// for the first time; made, if not nil, is then told. It is read again whenever it has changed.
func KeysInFile(file string, made func(file string)) *Keyring {
	return &Keyring{file: file, made: made}
}

// KeysGiven returns a keyring of keys in Base64, separated by commas or white space, the one that encrypts first.
func KeysGiven(text string) (*Keyring, error) {
	k := &Keyring{}
	if err := k.read([]byte(text)); err != nil {
		return nil, err
	}
	if len(k.keys) == 0 {
		return nil, errors.New("there is no key")
	}
	return k, nil
}

// Seal encrypts a secret of a partner.
func (k *Keyring) Seal(partner, secret string) (string, error) {
	if secret == "" {
		return "", nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.current(); err != nil {
		return "", err
	}
	first := k.keys[0]
	nonce := make([]byte, first.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	sealed := first.aead.Seal(nonce, nonce, []byte(secret), []byte(partner))
	return first.id + ":" + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open decrypts what Seal has made for the same partner.
func (k *Keyring) Open(partner, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	id, text, _ := strings.Cut(sealed, ":")
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("a token of partner %s is not readable: %w", partner, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	aead, err := k.find(id)
	if err != nil {
		return "", fmt.Errorf("a token of partner %s cannot be decrypted: %w", partner, err)
	}
	if len(raw) < aead.NonceSize() {
		return "", fmt.Errorf("a token of partner %s is cut off", partner)
	}
	secret, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(partner))
	if err != nil {
		return "", fmt.Errorf("a token of partner %s cannot be decrypted: it was changed or is another partner's", partner)
	}
	return string(secret), nil
}

// Miss tells that there is something to decrypt. A file that is not there is then missing, and no other is made in its
// place: what would be encrypted with that one could not be read when the right one is brought back.
func (k *Keyring) Miss() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.missed = true
}

// Ensure makes the file if there is none. It reports whether others than its owner can read it.
func (k *Keyring) Ensure() (readable bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.current(); err != nil || k.file == "" {
		return false, err
	}
	const others = 0o077
	info, err := os.Stat(k.file)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&others != 0, err
}

// Rotate puts a new key in front of the others, and calls again, which must encrypt with it everything that was encrypted
// before. Only when that has succeeded are keys dropped: all but the new one and the one before, which others may be
// encrypting with at this moment. One rotation runs at a time.
func (k *Keyring) Rotate(again func() error) error {
	if k.file == "" {
		return errors.New("the key was given by the environment: put a new one in front of it there, and leave the old one after it until all is encrypted anew")
	}
	unlock, err := k.lock()
	if err != nil {
		return err
	}
	k.cleanUp()
	err = k.rewrite(func(keys []string) []string { return slices.Insert(keys, 0, newKey()) })
	if err == nil {
		err = again()
	}
	if err == nil {
		err = k.rewrite(func(keys []string) []string { return keys[:min(len(keys), 2)] })
	}
	return errors.Join(err, unlock())
}

// temporaryKeys is what files with keys are called until they are in place.
const temporaryKeys = ".key-*"

// cleanUp removes files with keys that a rotation has left behind that was killed.
func (k *Keyring) cleanUp() {
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(k.file), temporaryKeys)) // fails for bad patterns only
	for _, path := range left {
		_ = os.Remove(path)
	}
}

// lock keeps other rotations out.
func (k *Keyring) lock() (unlock func() error, err error) {
	path := k.file + ".lock"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("another key rotation is under way; if none is, remove %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("rotate the key: %w", err)
	}
	return func() error { return os.Remove(path) }, f.Close()
}

// rewrite replaces the keys in the file.
func (k *Keyring) rewrite(change func(keys []string) []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.current(); err != nil {
		return err
	}
	var texts []string
	for _, key := range k.keys {
		texts = append(texts, key.text)
	}
	file, err := filepath.EvalSymlinks(k.file)
	if err != nil {
		return fmt.Errorf("write the key file: %w", err)
	}
	temporary, err := writeBeside(file, strings.Join(change(texts), "\n")+"\n")
	if err == nil {
		if err = errors.Join(os.Rename(temporary, file), syncFolder(file)); err != nil {
			_ = os.Remove(temporary)
		}
	}
	if err != nil {
		return fmt.Errorf("write the key file: %w", err)
	}
	return k.load()
}

// writeBeside writes a file, readable by the owner alone, in the folder of another, and returns its name.
func writeBeside(file, text string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(file), temporaryKeys)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
	}
	return f.Name(), err
}

// syncFolder makes a name in a folder last. Not all systems can.
func syncFolder(file string) error {
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	_ = folder.Sync()
	return folder.Close()
}

// IDs are the ids of the keys, the one that encrypts first; none where there is no file yet.
func (k *Keyring) IDs() ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file != "" {
		if err := k.load(); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	var ids []string
	for _, key := range k.keys {
		ids = append(ids, key.id)
	}
	return ids, nil
}

// current sees to it that the keys are those of the file, which is made if there is none.
func (k *Keyring) current() error {
	if k.file == "" {
		return nil
	}
	err := k.load()
	if errors.Is(err, fs.ErrNotExist) && !k.missed {
		if err := k.make(); err != nil {
			return err
		}
		err = k.load()
	}
	if err == nil && len(k.keys) == 0 {
		err = fmt.Errorf("there is no key in %s", k.file)
	}
	return err
}

// make writes a file with a new key, unless another process is first.
func (k *Keyring) make() error {
	if err := os.MkdirAll(filepath.Dir(k.file), 0o700); err != nil {
		return fmt.Errorf("make the key file: %w", err)
	}
	temporary, err := writeBeside(k.file, newKey()+"\n")
	if err != nil {
		return fmt.Errorf("make the key file: %w", err)
	}
	defer func() { _ = os.Remove(temporary) }() // what is needed of it has another name
	if err := errors.Join(os.Link(temporary, k.file), syncFolder(k.file)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the key file: %w", err)
	} else if err == nil && k.made != nil {
		k.made(k.file)
	}
	return nil
}

// find returns the key with an id. One that is not known may have been made by another process.
func (k *Keyring) find(id string) (cipher.AEAD, error) {
	for range 2 {
		if i := slices.IndexFunc(k.keys, func(c key) bool { return c.id == id }); i >= 0 {
			return k.keys[i].aead, nil
		}
		if k.file == "" {
			break
		}
		if err := k.load(); err != nil {
			return nil, err
		}
	}
	where := "the environment's keys"
	if k.file != "" {
		where = k.file
	}
	return nil, fmt.Errorf("key %s is not in %s; bring back the key file that belongs to this data", id, where)
}

func (k *Keyring) load() error {
	text, err := os.ReadFile(k.file)
	if err != nil {
		return fmt.Errorf("read the key file: %w", err)
	}
	if bytes.Equal(text, k.text) {
		return nil
	}
	return k.read(text)
}

func (k *Keyring) read(text []byte) error {
	var keys []key
	for i, field := range strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		raw, err := base64.StdEncoding.DecodeString(field)
		if err != nil || len(raw) != keyBytes {
			return fmt.Errorf("key %d is not %d bytes in Base64", i+1, keyBytes)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(raw)
		keys = append(keys, key{id: hex.EncodeToString(sum[:4]), text: field, aead: aead})
	}
	k.keys, k.text = keys, bytes.Clone(text)
	return nil
}

func newKey() string {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}
