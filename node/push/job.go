package push

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A job is the sending of one object.
type job struct {
	config  *Config
	partner *Partner
	change  store.Change
	client  *ocpiclient.Client
	press   *press
	// known is what is remembered of the object, where that is not what is on disk.
	known *store.Delivery
	// placed is another CDR that the partner has.
	placed placed
}

// do sends what has changed. It returns what is to be remembered, also where it fails. skipped tells that there was nothing
// to send.
func (j *job) do(ctx context.Context) (m memory, skipped bool, err error) {
	if j.known != nil {
		if m, err = readMemory(*j.known); err != nil {
			return m, false, err
		}
	}
	switch j.change.Module {
	case ocpi.ModuleLocations:
		skipped, err = j.location(ctx, m.Attempts > 0)
	case ocpi.ModuleSessions:
		skipped, err = j.session(ctx, &m)
	case ocpi.ModuleCDRs:
		skipped, err = j.cdr(ctx, &m)
	case ocpi.ModuleTariffs:
		err = j.tariff(ctx)
	case ocpi.ModuleTokens:
		skipped, err = j.token(ctx)
	default:
		err = fmt.Errorf("module %s is not pushed", j.change.Module)
	}
	if errors.Is(err, ocpiclient.ErrWithheld) {
		return m, true, nil // the partner's version has no words for it
	}
	return m, skipped, err
}

// read makes an object of its stored form.
func read[T any](body []byte) (T, error) {
	var object T
	if err := json.Unmarshal(body, &object, jsontext.AllowDuplicateNames(true)); err != nil {
		return object, fmt.Errorf("read what is to be pushed: %w", err)
	}
	return object, nil
}

// key is the object's, as clients name it.
func (j *job) key() ocpi.Key {
	return ocpi.Key{Party: j.change.Party, ID: j.change.ID, TokenType: j.change.TokenType}
}

// remembered reads what is known of the object at the partner, unless it is known already.
func (j *job) remembered(ctx context.Context, m *memory) (sent int64, err error) {
	if j.known != nil {
		return j.known.Sent, nil
	}
	d, err := j.config.Store.Delivery(ctx, j.partner.Name, j.change.Key)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errHome, err)
	}
	*m, err = readMemory(d)
	return d.Sent, err
}

// tariff sends a tariff, or deletes it (requirements TAR-04, TF-42).
func (j *job) tariff(ctx context.Context) error {
	if j.change.Removed {
		err := j.client.EMSP().Tariffs.Delete(ctx, j.key())
		if errors.Is(err, ocpi.ErrNotFound) {
			return nil // that is what was wanted
		}
		return err
	}
	message, err := j.print(ctx, store.Part{}, func(ctx context.Context) (text, error) {
		tariff, err := read[v230.Tariff](j.change.Body)
		if err != nil {
			return text{}, err
		}
		m, err := j.client.EMSP().Tariffs.ComposePut(ctx, tariff)
		return text{m, true}, err
	})
	if err != nil {
		return err
	}
	_, err = j.client.Send(ctx, message.Message)
	return err
}

// token sends a token. There is no message for one that is gone: tokens are made invalid (requirement TOK-02).
func (j *job) token(ctx context.Context) (skipped bool, err error) {
	if j.change.Removed {
		return true, nil
	}
	message, err := j.print(ctx, store.Part{}, func(ctx context.Context) (text, error) {
		token, err := read[v230.Token](j.change.Body)
		if err != nil {
			return text{}, err
		}
		m, err := j.client.CPO().Tokens.ComposePut(ctx, token)
		return text{m, true}, err
	})
	if err != nil {
		return false, err
	}
	_, err = j.client.Send(ctx, message.Message)
	return false, err
}

// print returns the message about a part of the object, or about all of it for the zero Part.
func (j *job) print(ctx context.Context, part store.Part, write func(context.Context) (text, error)) (text, error) {
	return j.press.print(ctx, edition{j.client.Dialect(), j.change.Key, j.change.Change, part}, write)
}
