package backend

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
)

// ListInput is what every list of objects can be asked for.
type ListInput struct {
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The largest number of objects in the answer"`
	Cursor string    `query:"cursor" doc:"Where the list goes on: next of the page before. Give the same filters with it"`
	Owner  string    `query:"party" example:"NL/GPE" doc:"Only objects of this party"`
	Since  time.Time `query:"since" doc:"Only objects with a last_updated at or after this time"`
	Until  time.Time `query:"until" doc:"Only objects with a last_updated before this time"`
	Q      string    `query:"q" maxLength:"200" doc:"Only objects with this text, in any case, in an id, uid, name, address, city, contract id or visual number"`
}

// BoxInput is what lists of locations can also be asked for.
type BoxInput struct {
	ListInput
	Box string `query:"box" example:"4.7,52.2,5.1,52.5" doc:"Only locations in a box: the smallest longitude, the smallest latitude, the largest longitude, the largest latitude, in degrees. A box whose first longitude is the larger one goes over the 180th meridian"`
}

// PartnerInput is what lists of partners' objects can also be asked for.
type PartnerInput struct {
	ListInput
	Partner string `query:"partner" doc:"Only objects of this partner"`
}

// PartnerBoxInput is both.
type PartnerBoxInput struct {
	BoxInput
	Partner string `query:"partner" doc:"Only objects of this partner"`
}

// A Received is a partner's object as we have it.
type Received struct {
	Partner string         `json:"partner" doc:"Our name for the partner it came from"`
	Object  jsontext.Value `json:"object"`
}

const listDoc = "Oldest first, by when they were created here; what changes meanwhile keeps its place. With `q` or `box`, the node looks through " +
	"the objects: it stops after some thousands, and the page may then be short or empty though `next` says that the list goes on."

// addList adds the list of our objects of a module.
func addList[T any](a *API, m module[T]) {
	o := operation{tag: string(m.id), scope: ScopeRead, result: listOf(ref(m.object)), doc: listDoc}
	o = o.as("GET", "/"+string(m.id), "list-"+string(m.id), "List our "+string(m.id))
	if m.object == "Location" {
		add(a, o, func(ctx context.Context, in *BoxInput) (*answer, error) {
			return a.listOwn(ctx, m.id, in.ListInput, in.Box)
		})
		return
	}
	add(a, o, func(ctx context.Context, in *ListInput) (*answer, error) { return a.listOwn(ctx, m.id, *in, "") })
}

func (a *API) listOwn(ctx context.Context, id ocpi.ModuleID, in ListInput, box string) (*answer, error) {
	l, err := newList(id, in, box)
	if err != nil {
		return nil, err
	}
	err = a.scan(ctx, l, "", func(o store.Object) error {
		l.items = append(l.items, convert.StripLeftovers(o.Body))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l.answer("/"+string(id), in, url.Values{"box": {box}})
}

// A list is one page that is being made.
type list struct {
	module  ocpi.ModuleID
	query   ocpi.Query
	parties []ocpi.Party
	filter  filter
	limit   int
	from    position
	items   []jsontext.Value
	// total is how many there are; nil where that is not known.
	total *int
	// next is where the list goes on; nil at its end.
	next *position
	// looked counts the objects that were looked through.
	looked int
}

// A position is where a list goes on.
type position struct {
	// Partner is whose objects are read, Cursor where the store's page begins, and After the last object of it that was
	// dealt with.
	Partner string `json:"p,omitempty"`
	Cursor  string `json:"c,omitempty"`
	After   int64  `json:"a,omitzero"`
}

func (p position) String() string {
	raw, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func newList(id ocpi.ModuleID, in ListInput, box string) (*list, error) {
	l := &list{module: id, limit: in.Limit, query: ocpi.Query{DateFrom: in.Since, DateTo: in.Until}}
	if in.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(in.Cursor)
		if err != nil || json.Unmarshal(raw, &l.from) != nil {
			return nil, badParameter("cursor", "this is no cursor that a list has given")
		}
	}
	if in.Owner != "" {
		party, err := ocpi.ParseParty(in.Owner)
		if err != nil {
			return nil, badParameter("party", err.Error())
		}
		l.parties = []ocpi.Party{party}
	}
	var err error
	l.filter, err = newFilter(in.Q, box)
	return l, err
}

func badParameter(name, message string) *Problem {
	p := problem(http.StatusUnprocessableEntity, "a parameter cannot be read")
	p.Problems = []Detail{{Parameter: "query." + name, Message: message}}
	return p
}

// lookMost is how many objects are looked through for one page.
const lookMost = 5000

// scan reads objects from a source into a page until it is full or enough was looked through.
func (a *API) scan(ctx context.Context, l *list, source string, take func(store.Object) error) error {
	selection := store.Selection{Module: l.module, Source: source, Parties: l.parties, AnyAudience: true}
	at := position{Partner: source}
	if l.from.Partner == source {
		at = l.from
	}
	for {
		l.query.Cursor, l.query.Limit = at.Cursor, l.limit
		if l.filter.looks() {
			l.query.Limit = readAtOnce
		}
		page, err := a.config.Store.List(ctx, selection, l.query)
		if err != nil {
			return err
		}
		if !l.filter.looks() {
			l.total = &page.Total
		}
		for _, o := range page.Objects {
			if o.Created <= at.After {
				continue
			}
			if len(l.items) == l.limit {
				l.next = &position{Partner: source, Cursor: at.Cursor, After: at.After}
				return nil
			}
			at.After = o.Created
			l.looked++
			if !l.filter.keeps(o.Body) {
				continue
			}
			if err := take(o); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		at = position{Partner: source, Cursor: page.Next}
		if l.looked >= lookMost || len(l.items) == l.limit {
			l.next = &at
			return nil
		}
	}
}

// answer is the page.
func (l *list) answer(path string, in ListInput, more url.Values) (*answer, error) {
	body := struct {
		Items []jsontext.Value `json:"items"`
		Next  string           `json:"next,omitempty"`
		Total *int             `json:"total,omitempty"`
	}{Items: l.items, Total: l.total}
	if body.Items == nil {
		body.Items = []jsontext.Value{}
	}
	if l.next != nil {
		body.Next = l.next.String()
	}
	out, err := answered(http.StatusOK, body)
	if err == nil && body.Next != "" {
		out.Link = "<" + Prefix + path + "?" + in.following(body.Next, more) + `>; rel="next"`
	}
	return out, err
}

// following is the query of the next page.
func (in ListInput) following(cursor string, more url.Values) string {
	q := url.Values{"cursor": {cursor}, "party": {in.Owner}, "q": {in.Q}}
	for name, t := range map[string]time.Time{"since": in.Since, "until": in.Until} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	limit, err := json.Marshal(in.Limit)
	if err == nil {
		q.Set("limit", string(limit))
	}
	maps.Copy(q, more)
	for name := range q {
		if q.Get(name) == "" {
			q.Del(name)
		}
	}
	return q.Encode()
}

// addReceived adds the operations on partners' objects.
func (a *API) addReceived() {
	for module, object := range map[ocpi.ModuleID]string{
		ocpi.ModuleLocations: "Location", ocpi.ModuleSessions: "Session", ocpi.ModuleCDRs: "CDR", ocpi.ModuleTariffs: "Tariff", ocpi.ModuleTokens: "Token",
	} {
		a.addReceivedModule(module, object)
	}
}

type receivedInput struct {
	PathKey
	TypeQuery
	Preconditions
	Partner string `path:"partner" doc:"Our name for the partner"`
}

func (a *API) addReceivedModule(module ocpi.ModuleID, object string) {
	path := "/received/" + string(module)
	o := operation{tag: "received", scope: ScopeRead, doc: listDoc}
	o.result = listOf(&huma.Schema{Type: "object", Required: []string{"partner", "object"}, Properties: map[string]*huma.Schema{
		"partner": {Type: "string", Description: "Our name for the partner it came from"}, "object": ref(object),
	}})
	o = o.as("GET", path, "list-received-"+string(module), "List partners' "+string(module))
	if module == ocpi.ModuleLocations {
		add(a, o, func(ctx context.Context, in *PartnerBoxInput) (*answer, error) {
			return a.listReceived(ctx, module, in.ListInput, in.Box, in.Partner)
		})
	} else {
		add(a, o, func(ctx context.Context, in *PartnerInput) (*answer, error) {
			return a.listReceived(ctx, module, in.ListInput, "", in.Partner)
		})
	}
	one := operation{tag: "received", scope: ScopeRead, result: ref(object), tagged: true, statuses: []int{http.StatusOK, http.StatusNotModified}}
	one = one.as("GET", path+"/{partner}/{country}/{party}/{id}", "get-received-"+strings.TrimSuffix(string(module), "s"), "Read one of a partner's "+string(module))
	add(a, one, func(ctx context.Context, in *receivedInput) (*answer, error) {
		key := store.Key{Module: module, Source: in.Partner, Party: in.key().Party, ID: in.ID, TokenType: in.Type}
		o, err := a.read(ctx, key)
		if err != nil {
			return nil, err
		}
		return unlessFresh(documented(http.StatusOK, convert.StripLeftovers(o.Body)), in.Preconditions)
	})
}

func (a *API) listReceived(ctx context.Context, module ocpi.ModuleID, in ListInput, box, partner string) (*answer, error) {
	l, err := newList(module, in, box)
	if err != nil {
		return nil, err
	}
	sources, err := a.sources(ctx, partner, l.from.Partner)
	if err != nil {
		return nil, err
	}
	for i, source := range sources {
		err := a.scan(ctx, l, source, func(o store.Object) error {
			raw, err := json.Marshal(Received{Partner: source, Object: convert.StripLeftovers(o.Body)})
			l.items = append(l.items, raw)
			return err
		})
		if err != nil {
			return nil, err
		}
		if l.next == nil && i+1 < len(sources) && (len(l.items) == l.limit || l.looked >= lookMost) {
			l.next = &position{Partner: sources[i+1]}
		}
		if l.next != nil {
			break
		}
	}
	if partner == "" { // each partner has a total of its own
		l.total = nil
	}
	return l.answer("/received/"+string(module), in, url.Values{"box": {box}, "partner": {partner}})
}

// sources are the partners whose objects a list goes over, from one on.
func (a *API) sources(ctx context.Context, partner, from string) ([]string, error) {
	if partner != "" {
		return []string{partner}, nil
	}
	if a.config.Partners == nil {
		return nil, badParameter("partner", "a partner must be named")
	}
	relations, err := a.config.Partners.Relations(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range relations {
		if name := relations[i].Name; name >= from {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
