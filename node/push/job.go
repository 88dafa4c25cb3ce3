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
	// known is what is remembered of the object, where that is not what is on disk; sent is the change that the partner has.
	known *memory
	sent  int64
	// since is the cursor at which the partner had the object's state.
	since int64
	// told tells that it is known what the partner has of a session.
	told bool
	// placed is another CDR that the partner has.
	placed placed
	// notes takes what must be on disk before the job goes on; noted tells that something was.
	notes chan<- note
	noted bool
}

// do sends what has changed.
func (j *job) do(ctx context.Context) (r result) {
	r.change = j.change
	m, err := j.remembered(ctx)
	if err != nil {
		r.err = err
		return r
	}
	r.loaded = true
	r.skipped, r.err = j.one(ctx, &m)
	if errors.Is(r.err, ocpiclient.ErrWithheld) {
		r.skipped, r.err = true, nil // the partner's version has no words for it
	}
	r.memory, r.noted, r.sent = m, j.noted, j.sent
	if r.err == nil && !r.skipped {
		r.sent = j.change.Change
	}
	return r
}

// one sends the object, and changes what is remembered of it. skipped tells that there was nothing to send.
func (j *job) one(ctx context.Context, m *memory) (skipped bool, err error) {
	switch j.change.Module {
	case ocpi.ModuleLocations:
		return j.location(ctx, m.Attempts > 0)
	case ocpi.ModuleSessions:
		return j.session(ctx, m)
	case ocpi.ModuleCDRs:
		return j.cdr(ctx, m)
	case ocpi.ModuleTariffs:
		return false, j.tariff(ctx, m)
	case ocpi.ModuleTokens:
		return j.token(ctx)
	default:
		return false, fmt.Errorf("module %s is not pushed", j.change.Module)
	}
}

// remembered is what is known of the object at the partner.
func (j *job) remembered(ctx context.Context) (memory, error) {
	if j.known != nil {
		return *j.known, nil
	}
	d, err := j.config.Store.Delivery(ctx, j.partner.Name, j.change.Key)
	if errors.Is(err, store.ErrNotFound) {
		return memory{}, nil
	}
	if err != nil {
		return memory{}, fmt.Errorf("%w: %w", errHome, err)
	}
	j.sent = d.Sent
	return readMemory(d)
}

// keep has on disk what is remembered before it goes on: if the process ends then, the object is found as one that is held.
func (j *job) keep(ctx context.Context, m *memory) error {
	m.Since = j.since
	record, err := m.delivery(j.partner.Name, j.change.Key, j.sent)
	if err != nil {
		return err
	}
	record.Held, record.Due = true, j.config.Now()
	n := note{record, *m, make(chan error, 1)}
	select {
	case j.notes <- n:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errHome, ctx.Err())
	}
	if err := <-n.done; err != nil {
		return fmt.Errorf("%w: %w", errHome, err)
	}
	j.noted = true
	return nil
}

// addressed refuses what does not say for whom it is, where several partners would get it.
func (j *job) addressed() error {
	if j.partner.Sole || j.change.Audience != (ocpi.Party{}) {
		return nil
	}
	return errors.New("it does not say which eMSP's driver it is about, and there are several: store it again with cdr_token's country_code and party_id")
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

// tariff sends a tariff, or deletes it (requirements TAR-04, TF-42).
func (j *job) tariff(ctx context.Context, m *memory) error {
	if j.change.Removed {
		return j.deleteTariff(ctx, m)
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

// deleteTariff deletes a tariff. That the partner does not find it is what was wanted. It is believed of a page that is not
// OCPI's, which may come from something before the partner, when it has come several times while others got through.
func (j *job) deleteTariff(ctx context.Context, m *memory) error {
	err := j.client.EMSP().Tariffs.Delete(ctx, j.key())
	var e *ocpiclient.Error
	if !errors.As(err, &e) || e.Kind != ocpiclient.NotFound {
		m.Misses = 0
		return err
	}
	m.Misses++
	if e.Status != 0 || m.Misses >= maxRefusals && m.Faults >= maxRefusals-1 {
		return nil
	}
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
