package main

import (
	"context"
	"errors"
	"fmt"
)

type keyCmd struct {
	Rotate keyRotateCmd `cmd:"" help:"Make a new key, and encrypt everything anew with it."`
}

type keyRotateCmd struct {
	dataFlag
}

// Help is what key rotate --help teaches beside its flags.
func (keyRotateCmd) Help() string {
	return `The key encrypts the tokens we call partners with. The new key stands first in the key file; the one before is kept
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
