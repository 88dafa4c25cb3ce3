package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
)

type keyCmd struct {
	Add    keyAddCmd    `cmd:"" help:"Make an access key for the backend API, and print it."`
	List   keyListCmd   `cmd:"" help:"List the access keys of the backend API."`
	Remove keyRemoveCmd `cmd:"" help:"Remove an access key of the backend API."`
	Rotate keyRotateCmd `cmd:"" help:"Make a new key that encrypts partners' tokens, and encrypt everything anew with it."`
}

type keyAddCmd struct {
	dataFlag
	Name    string `arg:"" help:"Whose key it is, such as cpms."`
	Scope   string `help:"What it is good for: read, write (which also reads), or admin (which also changes partners and webhooks)." default:"read" placeholder:"SCOPE" env:"ROAMWIRE_KEY_SCOPE" setting:"key-scope"`
	Expires string `help:"After how long it is good no longer, such as 90d or 12h. Default: never." placeholder:"TIME" env:"ROAMWIRE_KEY_EXPIRES" setting:"key-expires"`
}

// Help is what key add --help teaches beside its flags.
func (keyAddCmd) Help() string {
	return `The operator's own systems send the key with each request: Authorization: Bearer rw_...
A node that runs knows it at once.

Example:
  roamwire key add cpms --scope write --expires 90d`
}

// Run makes a key.
func (k *keyAddCmd) Run(ctx context.Context, io streams) error {
	scope, err := backend.ParseScope(k.Scope)
	if err != nil {
		return err
	}
	expires, err := parseSpan(k.Expires)
	if err != nil {
		return err
	}
	data, err := k.open(ctx)
	if err != nil {
		return err
	}
	key, err := data.AddKey(ctx, k.Name, scope, expires)
	if err = errors.Join(err, data.Close()); err != nil {
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("there is a key %s already: choose another name, or remove it first", k.Name)
		}
		return err
	}
	fmt.Fprintf(io.out, "%s calls the backend API with this key, which is not shown again:\n%s\n", k.Name, key)
	return nil
}

// parseSpan reads a length of time, also in days.
func parseSpan(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	span, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		span = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || span <= 0 {
		return 0, fmt.Errorf("%q is no length of time such as 90d or 12h", text)
	}
	return span, nil
}

type keyListCmd struct {
	dataFlag
}

// Run lists the keys.
func (k *keyListCmd) Run(ctx context.Context, io streams) error {
	data, err := k.existing(ctx)
	if err != nil {
		return err
	}
	keys, err := data.AccessKeys(ctx)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	if len(keys) == 0 {
		fmt.Fprintln(io.out, "no access keys; make one with \"roamwire key add\"")
		return nil
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSCOPE\tADDED\tGOOD UNTIL")
	for _, key := range keys {
		until := "removed"
		if !key.Expires.IsZero() {
			until = stamp(key.Expires)
		}
		if !key.Expires.IsZero() && !time.Now().Before(key.Expires) {
			until += " (expired)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", key.Name, strings.Join(key.Scopes, ", "), stamp(key.Added), until)
	}
	return w.Flush()
}

type keyRemoveCmd struct {
	dataFlag
	Name string `arg:"" help:"Whose key it is."`
}

// Run removes a key.
func (k *keyRemoveCmd) Run(ctx context.Context, io streams) error {
	data, err := k.existing(ctx)
	if err != nil {
		return err
	}
	err = data.RemoveKey(ctx, k.Name)
	if err = errors.Join(err, data.Close()); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no access key %s", k.Name)
		}
		return err
	}
	fmt.Fprintf(io.out, "the key of %s is removed\n", k.Name)
	return nil
}

type keyRotateCmd struct {
	dataFlag
}

// Help is what key rotate --help teaches beside its flags.
func (keyRotateCmd) Help() string {
	return `The key encrypts the tokens we call partners with, and the secrets of webhooks. The new key stands first in the key file; the one before is kept
after it until the next rotation, for a node that runs at this moment. With keys in the variable ROAMWIRE_KEY, put a new
key in front of the old one, separated by a comma, restart the node, run this command, and take the old one away.`
}

// Run makes a new key.
func (k *keyRotateCmd) Run(ctx context.Context, io streams) error {
	data, err := k.existing(ctx)
	if err != nil {
		return err
	}
	relations, err := data.EncryptAnew(ctx)
	if err = errors.Join(err, data.Close()); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "the tokens of %d partners are encrypted with the new key; keep a copy of it, apart from copies of the data\n", relations)
	return nil
}
