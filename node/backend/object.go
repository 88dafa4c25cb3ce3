package backend

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// A TypeQuery is the type of a token, which is part of its identity.
type TypeQuery struct {
	Type string `query:"type" enum:"AD_HOC_USER,APP_USER,EMAID,OTHER,RFID" doc:"Of a token, its type. Default: the RFID token with this uid, or else the oldest of another type"`
}

// GetInput asks for an object.
type GetInput struct {
	PathKey
	Preconditions
}

type getTokenInput struct {
	GetInput
	TypeQuery
}

// PutInput creates or replaces an object.
type PutInput struct {
	PathKey
	Preconditions
	RawBody []byte `contentType:"application/json"`
}

type putTokenInput struct {
	PutInput
	TypeQuery
}

// PatchInput changes an object.
type PatchInput struct {
	PathKey
	Preconditions
	RawBody []byte `contentType:"application/merge-patch+json"`
}

type patchTokenInput struct {
	PatchInput
	TypeQuery
}

// DeleteInput removes an object.
type DeleteInput struct {
	PathKey
	Preconditions
	Purge bool `query:"purge" doc:"Let it go here without a trace, though partners that have it are not told"`
}

type deleteTokenInput struct {
	DeleteInput
	TypeQuery
}

// addModule adds the operations on our objects of a module.
func addModule[T any](a *API, m module[T]) {
	one := "/" + string(m.id) + "/{country}/{party}/{id}"
	base := operation{tag: string(m.id), scope: ScopeWrite, result: ref(m.object), tagged: true}
	get := base.as("GET", one, "get-"+m.noun, "Read a "+m.noun+" of ours")
	get.scope = ScopeRead
	get.statuses = []int{http.StatusOK, http.StatusNotModified}
	put := base.as("PUT", one, "put-"+m.noun, "Create or replace a "+m.noun+" of ours")
	put.body, put.statuses, put.doc = m.object+inputSuffix, []int{http.StatusOK, http.StatusCreated}, m.putDoc()
	patch := base.as("PATCH", one, "patch-"+m.noun, "Change a "+m.noun+" of ours")
	patch.body, patch.bodyType = m.object+patchSuffix, "application/merge-patch+json"
	patch.doc = "A JSON Merge Patch (RFC 7396): null takes a member away, lists are replaced whole. Without `last_updated` in it, the object gets the present time if something changes."
	remove := base.as("DELETE", one, "delete-"+m.noun, "Remove a "+m.noun+" of ours")
	remove.statuses, remove.doc = []int{http.StatusOK, http.StatusNoContent}, m.deleteDoc()
	if m.retire == nil {
		remove.result, remove.statuses = nil, []int{http.StatusNoContent}
	}
	addList(a, m)
	addBulk(a, m)
	if m.idName == "uid" { // tokens are also told apart by their type
		add(a, get, func(ctx context.Context, in *getTokenInput) (*answer, error) {
			return getObject(ctx, a, m, in.keyOf(in.Type), in.Preconditions)
		})
		add(a, put, func(ctx context.Context, in *putTokenInput) (*answer, error) {
			return putObject(ctx, a, m, in.keyOf(in.Type), in.PutInput)
		})
		add(a, patch, func(ctx context.Context, in *patchTokenInput) (*answer, error) {
			return patchObject(ctx, a, m, in.keyOf(in.Type), in.PatchInput)
		})
		add(a, remove, func(ctx context.Context, in *deleteTokenInput) (*answer, error) {
			return deleteObject(ctx, a, m, in.keyOf(in.Type), in.DeleteInput)
		})
		return
	}
	add(a, get, func(ctx context.Context, in *GetInput) (*answer, error) {
		return getObject(ctx, a, m, in.key(), in.Preconditions)
	})
	add(a, put, func(ctx context.Context, in *PutInput) (*answer, error) { return putObject(ctx, a, m, in.key(), *in) })
	if m.immutable {
		return
	}
	add(a, patch, func(ctx context.Context, in *PatchInput) (*answer, error) {
		return patchObject(ctx, a, m, in.key(), *in)
	})
	add(a, remove, func(ctx context.Context, in *DeleteInput) (*answer, error) {
		return deleteObject(ctx, a, m, in.key(), *in)
	})
}

func (k PathKey) keyOf(tokenType string) ocpi.Key {
	key := k.key()
	key.TokenType = tokenType
	return key
}

func (o operation) as(method, path, id, summary string) operation {
	o.method, o.path, o.id, o.summary = method, path, id, summary
	return o
}

func (m module[T]) putDoc() string {
	if m.immutable {
		return "A " + m.noun + " is created once and never changed: the same again is answered with 200, another content with 409."
	}
	return "`last_updated` may be left out: then it is the present time, or stays what it was where nothing else changes. " +
		"Members that OCPI does not have are refused."
}

func (m module[T]) deleteDoc() string {
	const purge = " With `purge` it goes without a word to partners."
	switch m.noun {
	case "location":
		return "OCPI has no way to delete a location that partners know: its EVSEs become REMOVED, which partners are told, and it stays." + purge
	case "token":
		return "OCPI has no way to delete a token that partners know: it becomes invalid, which partners are told, and stays." + purge
	case "session":
		return "OCPI has no way to delete a session that partners know: it becomes INVALID, which partners are told, and stays." + purge
	default:
		return "Partners are told."
	}
}

// documented is an answer with an object, as it is shown.
func documented(status int, document []byte) *answer {
	return &answer{Status: status, ContentType: jsonType, ETag: tagOf(document), Body: document}
}

// shownWith is documented for an object.
func shownWith[T any](status int, object *T) (*answer, error) {
	document, err := shown(object)
	if err != nil {
		return nil, err
	}
	return documented(status, document), nil
}

// unlessFresh answers with 304 for a reader that has the object already.
func unlessFresh(out *answer, p Preconditions) (*answer, error) {
	if err := p.checkRead(out.Body); err != nil {
		return nil, err
	}
	if p.fresh(out.ETag) {
		return &answer{Status: http.StatusNotModified, ETag: out.ETag}, nil
	}
	return out, nil
}

// stored reads an object of ours.
func stored[T any](ctx context.Context, a *API, m module[T], key ocpi.Key) (T, error) {
	var object T
	record, err := a.read(ctx, m.storeKey("", key))
	if err != nil {
		return object, err
	}
	if err := json.Unmarshal(record.Body, &object, jsontext.AllowDuplicateNames(true)); err != nil {
		return object, fmt.Errorf("read stored %s %s: %w", m.noun, key.ID, err)
	}
	return object, nil
}

func getObject[T any](ctx context.Context, a *API, m module[T], key ocpi.Key, p Preconditions) (*answer, error) {
	object, err := stored(ctx, a, m, key)
	if err != nil {
		return nil, err
	}
	out, err := shownWith(http.StatusOK, &object)
	if err != nil {
		return nil, err
	}
	return unlessFresh(out, p)
}

func putObject[T any](ctx context.Context, a *API, m module[T], key ocpi.Key, in PutInput) (*answer, error) {
	if !a.ours(key.Party) {
		return nil, a.notOurs(key.Party)
	}
	object, err := m.receive(in.RawBody)
	if err != nil {
		return nil, err
	}
	if findings := named(m.parts(&object.object), key, m.idName); len(findings) > 0 {
		return nil, invalid("the "+m.noun, findings)
	}
	var result T
	items := []Item[T]{{Party: key.Party, Object: object.object}}
	outcomes, err := m.own.Save(ctx, items, func(_ int, before, after *T) error {
		err := checkObject(in.Preconditions, before)
		if err == nil {
			*after, err = object.against(before, a.now())
		}
		if err == nil && m.immutable && before != nil {
			err = m.sameAgain(before, after)
		}
		result = *after
		return err
	})
	if err != nil {
		return nil, err
	}
	if outcomes[0].Err != nil {
		return nil, outcomes[0].Err
	}
	status := http.StatusOK
	if outcomes[0].Created {
		status = http.StatusCreated
	}
	// What is stored may have more in it than what came, as EVSEs that are not to vanish.
	if result, err = stored(ctx, a, m, m.parts(&result).key()); err != nil {
		return nil, err
	}
	return shownWith(status, &result)
}

// sameAgain refuses another content for what never changes.
func (m module[T]) sameAgain(before, after *T) error {
	if same(before, after) {
		return nil
	}
	return problem(http.StatusConflict, "%s %s is there with another content, and a %s is never changed", m.noun, *m.parts(before).id, m.noun)
}

func patchObject[T any](ctx context.Context, a *API, m module[T], key ocpi.Key, in PatchInput) (*answer, error) {
	if err := checkPatch(in.RawBody); err != nil {
		return nil, err
	}
	err := m.own.Update(ctx, key, func(object *T) error {
		if err := checkObject(in.Preconditions, object); err != nil {
			return err
		}
		after, err := patched(m, object, in.RawBody)
		if err != nil {
			return err
		}
		was := m.parts(object).key()
		m.respell(object, &after)
		if findings := named(m.parts(&after), was, m.idName); len(findings) > 0 {
			return invalid("the patched "+m.noun, findings)
		}
		m.stamp(object, &after, a.now())
		*object, key = after, was
		return nil
	})
	if err != nil {
		return nil, err
	}
	// What is stored may have more in it than what the patch left, as EVSEs that are not to vanish.
	result, err := stored(ctx, a, m, key)
	if err != nil {
		return nil, err
	}
	return shownWith(http.StatusOK, &result)
}

func deleteObject[T any](ctx context.Context, a *API, m module[T], key ocpi.Key, in DeleteInput) (*answer, error) {
	if m.retire == nil || in.Purge {
		err := m.own.Remove(ctx, key, func(object *T) error { return checkObject(in.Preconditions, object) })
		return &answer{Status: http.StatusNoContent}, err
	}
	var document []byte
	err := m.own.Update(ctx, key, func(object *T) error {
		if err := checkObject(in.Preconditions, object); err != nil {
			return err
		}
		m.retire(object, a.now())
		var err error
		document, err = shown(object)
		return err
	})
	if err != nil {
		return nil, err
	}
	return documented(http.StatusOK, document), nil
}

func (a *API) notOurs(party ocpi.Party) error {
	return problem(http.StatusUnprocessableEntity, "%s is no party of this node: its objects are not ours", party)
}
