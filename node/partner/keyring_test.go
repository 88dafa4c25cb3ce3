package partner_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

func TestSecretsAreSealedAndOpenedAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	var made []string
	k := partner.KeysInFile(file, func(file string) { made = append(made, file) })
	sealed, err := k.Seal("greenwheels", "secret")
	if err != nil || strings.Contains(sealed, "secret") {
		t.Fatalf("%q, %v", sealed, err)
	}
	again, err := k.Seal("greenwheels", "secret")
	if err != nil || again == sealed {
		t.Errorf("the same secret is sealed in the same way: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || len(made) != 1 || made[0] != file {
		t.Errorf("key file %v, %v; told %v", info, err, made)
	}
	for name, ring := range map[string]*partner.Keyring{"the same": k, "another of the same file": partner.KeysInFile(file, nil)} {
		if got, err := ring.Open("greenwheels", sealed); err != nil || got != "secret" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, open := range map[string]func() (string, error){
		"another partner's": func() (string, error) { return k.Open("other", sealed) },
		"changed":           func() (string, error) { return k.Open("greenwheels", sealed[:len(sealed)-4]+"AAAA") },
		"cut off":           func() (string, error) { return k.Open("greenwheels", sealed[:12]) },
		"nonsense":          func() (string, error) { return k.Open("greenwheels", "no:secret!") },
		"another key": func() (string, error) {
			return partner.KeysInFile(filepath.Join(t.TempDir(), "key"), nil).Open("greenwheels", sealed)
		},
	} {
		if got, err := open(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func nothing() error { return nil }

func TestKeysRotateWhileOthersUseThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	node, command := partner.KeysInFile(file, nil), partner.KeysInFile(file, nil)
	old, err := node.Seal("p", "secret")
	if err != nil {
		t.Fatal(err)
	}
	var meanwhile string
	err = command.Rotate(func() (err error) {
		meanwhile, err = node.Seal("p", "secret") // with the new key, though it has read the old one
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if before, _, _ := strings.Cut(old, ":"); strings.HasPrefix(meanwhile, before+":") {
		t.Error("the old key still encrypts")
	}
	for _, sealed := range []string{old, meanwhile} {
		if got, err := node.Open("p", sealed); err != nil || got != "secret" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := command.Rotate(nothing); err != nil {
		t.Fatal(err)
	}
	if _, err := command.Open("p", old); err == nil {
		t.Error("a key is kept for ever")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// A rotation that is interrupted drops no key, however often it is begun.
func TestAnInterruptedRotationDropsNoKey(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "key")
	k := partner.KeysInFile(file, nil)
	var sealed []string
	for range 4 {
		s, err := k.Seal("p", "secret")
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, s)
		broken := errors.New("broken")
		if err := k.Rotate(func() error { return broken }); !errors.Is(err, broken) {
			t.Fatal(err)
		}
	}
	for _, s := range sealed {
		if got, err := partner.KeysInFile(file, nil).Open("p", s); err != nil || got != "secret" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if names, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(names) != 1 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestOneRotationRunsAtATime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	k := partner.KeysInFile(file, nil)
	err := k.Rotate(func() error {
		if err := partner.KeysInFile(file, nil).Rotate(nothing); err == nil || !strings.Contains(err.Error(), "another key rotation") {
			t.Errorf("the second: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := k.Rotate(nothing); err != nil {
		t.Error(err)
	}
}

// A key file that is a link stays one.
func TestAKeyFileThatIsALinkStaysOne(t *testing.T) {
	folder := t.TempDir()
	file, link := filepath.Join(folder, "elsewhere"), filepath.Join(folder, "key")
	if _, err := partner.KeysInFile(file, nil).Seal("p", "secret"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if err := partner.KeysInFile(link, nil).Rotate(nothing); err != nil {
		t.Fatal(err)
	}
	at, err := os.Readlink(link)
	one, oneErr := partner.KeysInFile(file, nil).IDs()
	other, otherErr := partner.KeysInFile(link, nil).IDs()
	if err := errors.Join(err, oneErr, otherErr); err != nil || at != file || len(one) != 2 || one[0] != other[0] {
		t.Errorf("%s, %v, %v, %v", at, one, other, err)
	}
}

func TestOneKeyIsMadeByManyAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	var all sync.WaitGroup
	sealed := make([]string, 8)
	for i := range sealed {
		all.Go(func() { sealed[i], _ = partner.KeysInFile(file, nil).Seal("p", "secret") })
	}
	all.Wait()
	for _, s := range sealed {
		if got, err := partner.KeysInFile(file, nil).Open("p", s); err != nil || got != "secret" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	for _, text := range []string{"", " , ", "short", "!!!!", strings.Repeat("A", 44) + "A"} {
		if _, err := partner.KeysGiven(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := partner.KeysInFile(file, nil).Seal("p", "secret"); err == nil {
		t.Error("an empty file is taken")
	}
}

// A relation comes back whole, and its secrets are nowhere on the disk.
func TestRelationsComeBackWholeAndTheirSecretsAreNotOnDisk(t *testing.T) {
	folder := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(folder, "test.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r := partner.NewRegistry(db, partner.KeysInFile(filepath.Join(folder, "key"), nil), time.Now)
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	want := handshake.Relation{
		Name: "p", Added: now, State: handshake.Registered, Since: now,
		Terms: handshake.Terms{Role: ocpi.RoleEMSP, Serves: []ocpi.Party{ocpi.NewParty("NL", "GPE")}, Modules: []ocpi.ModuleID{ocpi.ModuleTokens}, Quirks: "standard"},
		Remote: handshake.Remote{
			VersionsURL: "https://x.example.com", Offers: []ocpi.Version{"1.9", ocpi.V211}, Version: ocpi.V211, Read: now, Business: "X",
			Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleTokens, URL: "https://x.example.com/t"}},
			Roles:     []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: ocpi.NewParty("BE", "TST")}},
		},
		Inbound:  []handshake.InboundToken{{Hash: handshake.HashToken("inbound"), Status: handshake.TokenCurrent, Made: now, Used: now}},
		Outbound: []handshake.OutboundToken{{Token: "secret-one", Made: now}, {Token: "secret-two", Made: now, Proven: now}},
		Encoding: ocpi.TokenBase64,
		Attempt:  &handshake.Attempt{ID: "a", Kind: handshake.Rotating, Direction: ocpi.Outbound, Step: 6, Began: now, Until: now},
		Offer:    &handshake.Offer{Kind: handshake.Rotating, Made: now, TokenA: "secret-three", Token: "secret-four", Unclear: true},
		Again:    now, Tries: 2,
	}
	if err := r.AddRelation(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		got, err := r.RelationByToken(t.Context(), handshake.HashToken("inbound"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		all, err := r.Relations(t.Context())
		if err != nil || len(all) != 1 || all[0].Words() != want.Words() || all[0].Outbound[0].Token == want.Outbound[0].Token {
			t.Errorf("all: %+v, %v", all, err)
		}
	}
	check()
	want.Suspended = true
	if err := r.ChangeRelation(t.Context(), "p", func(r *handshake.Relation) error { r.Suspended = true; return nil }); err != nil {
		t.Fatal(err)
	}
	check()
	if n, err := r.EncryptAnew(t.Context()); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	check()
	if err := r.ChangeRelation(t.Context(), "nobody", func(*handshake.Relation) error { return nil }); !errors.Is(err, handshake.ErrUnknown) {
		t.Error(err)
	}
	if err := r.AddRelation(t.Context(), want); !errors.Is(err, handshake.ErrTaken) {
		t.Error(err)
	}
	for _, name := range []string{"test.db", "test.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(raw, []byte("secret-")); i >= 0 {
			t.Errorf("%s holds %q", name, raw[i:i+12])
		}
	}
}
