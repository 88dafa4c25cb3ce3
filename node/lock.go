package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// lockData keeps other nodes away from a data folder: of two, partners would be told the address of the one that started
// last. Commands work beside a node.
func lockData(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	taken, err := lockFile(f)
	if taken {
		err = fmt.Errorf("another node serves with the data folder %s", folder)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
