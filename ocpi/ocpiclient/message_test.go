package ocpiclient_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A message is what a partner was sent.
type sentMessage struct{ Call, Body string }

// taking is a partner that takes everything and remembers it.
func taking(t *testing.T, config ocpiclient.Config) (*ocpiclient.Client, func() []sentMessage, awkward) {
	t.Helper()
	var mu sync.Mutex
	var got []sentMessage
	partner := newAwkward(t, config, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, sentMessage{r.Method + " " + r.URL.RequestURI(), bodyOf(r)})
		ok(w, "null")
	})
	return partner.client, func() []sentMessage {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}, partner
}

func composed(t *testing.T) func(m ocpiclient.Message, err error) ocpiclient.Message {
	t.Helper()
	return func(m ocpiclient.Message, err error) ocpiclient.Message {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
}

func changed(t *testing.T) func(m ocpiclient.Message, changed bool, err error) ocpiclient.Message {
	t.Helper()
	return func(m ocpiclient.Message, changed bool, err error) ocpiclient.Message {
		t.Helper()
		if err != nil || !changed {
			t.Fatalf("changed %v: %v", changed, err)
		}
		return m
	}
}

// L-10 to L-15, TF-42 to TF-44, CDR-04: where each Message goes, and what it is called for people.
func TestMessagesGoWhereTheirObjectIs(t *testing.T) {
	sample := ocpitest.Network(ours)
	location, ctx := sample.Location(1), t.Context()
	evse := location.EVSEs[0]
	busy, connector := evse, evse.Connectors[0]
	busy.Status = v230.StatusCharging
	stronger := connector
	stronger.MaxAmperage++
	key := ocpi.Key{Party: ours, ID: string(location.ID)}
	at := "locations/BE/TST/" + key.ID
	client, got, _ := taking(t, ocpiclient.Config{OwnRole: ocpi.RoleCPO})
	to := client.EMSP()
	session := sample.ActiveSession()
	one, some := composed(t), changed(t)
	for _, c := range []struct {
		m          ocpiclient.Message
		text, call string
	}{
		{one(to.Locations.ComposePut(ctx, location)), "PUT " + at, ""},
		{one(to.Locations.ComposePutEVSE(ctx, key, evse)), "PUT " + at + "/" + string(evse.UID), ""},
		{one(to.Locations.ComposeStatus(ctx, key, evse)), "PATCH " + at + "/" + string(evse.UID), ""},
		{some(to.Locations.ComposePatchEVSE(ctx, key, evse, busy)), "PATCH " + at + "/" + string(evse.UID), ""},
		{one(to.Locations.ComposePutConnector(ctx, key, string(evse.UID), connector)), "PUT " + at + "/" + string(evse.UID) + "/" + string(connector.ID), ""},
		{some(to.Locations.ComposePatchConnector(ctx, key, string(evse.UID), connector, stronger)), "PATCH " + at + "/" + string(evse.UID) + "/" + string(connector.ID), ""},
		{one(to.Sessions.ComposePut(ctx, session)), "PUT sessions/BE/TST/" + string(session.ID), ""},
		{one(to.Tariffs.ComposeDelete(ocpi.Key{ID: "a/b"})), "DELETE tariffs/BE/TST/a%2Fb", ""},
		{one(to.CDRs.ComposePost(ctx, sample.CDR(1))), "POST cdrs " + string(sample.CDR(1).ID), "POST /ocpi/emsp/2.1.1/cdrs"},
	} {
		t.Run(c.text, func(t *testing.T) {
			sent, err := client.Send(ctx, c.m)
			if err != nil || sent.HTTP != http.StatusOK || sent.Created {
				t.Fatalf("%+v, %v", sent, err)
			}
			last := got()[len(got())-1]
			want := c.call
			if want == "" {
				want = strings.Replace(c.text, " ", " /ocpi/emsp/2.1.1/", 1)
			}
			if c.m.String() != c.text || last.Call != want || c.m.Size() != len(last.Body) {
				t.Errorf("%s with %d bytes: %s with %d", c.m, c.m.Size(), last.Call, len(last.Body))
			}
		})
	}
}

// A Message is composed once and sent to many partners at once, each at its own URLs with its own token. Of partners that
// are written to in another way none gets it.
func TestMessagesAreSharedByDialect(t *testing.T) {
	sample := ocpitest.Network(ours)
	location := sample.Location(1)
	key := ocpi.Key{Party: ours, ID: string(location.ID)}
	type partner struct {
		client *ocpiclient.Client
		got    func() []sentMessage
	}
	var same []partner
	for _, config := range []ocpiclient.Config{
		{Capture: 1000}, {Capture: 1000, Token: "another", Own: theirs},
		{Partner: &ocpi.Partner{Quirks: "token-base64"}}, {Partner: &ocpi.Partner{Quirks: "trailing-slash"}},
	} {
		client, got, _ := taking(t, config)
		same = append(same, partner{client, got})
	}
	m := composed(t)(same[0].client.EMSP().Locations.ComposeStatus(t.Context(), key, location.EVSEs[0]))
	var all sync.WaitGroup
	for _, p := range same {
		for range 10 {
			all.Go(func() {
				if _, err := p.client.Send(t.Context(), m); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for i, p := range same {
		path := "PATCH /ocpi/emsp/2.1.1/locations/BE/TST/" + key.ID + "/" + string(location.EVSEs[0].UID)
		if i == 3 {
			path += "/"
		}
		for _, sent := range p.got() {
			if want := (sentMessage{path, same[0].got()[0].Body}); sent != want {
				t.Errorf("partner %d: %s", i, cmp.Diff(want, sent))
			}
		}
		if n := len(p.got()); n != 10 {
			t.Errorf("partner %d got %d messages, want 10", i, n)
		}
	}
	for _, config := range []ocpiclient.Config{{Version: ocpi.V230}, {Partner: &ocpi.Partner{Quirks: "ocpi-python"}}, {Partner: &ocpi.Partner{Quirks: "expect-put-for-removals"}}} {
		client, got, _ := taking(t, config)
		if _, err := client.Send(t.Context(), m); err == nil || client.Dialect() == same[0].client.Dialect() || len(got()) != 0 {
			t.Errorf("%q took what was written in %q (%v)", client.Dialect(), same[0].client.Dialect(), err)
		}
	}
	if _, err := same[0].client.Send(t.Context(), ocpiclient.Message{}); err == nil {
		t.Error("nothing was sent")
	}
}

// L-15, TF-40: the status of an EVSE takes two members, in the terms of the version, whatever was before.
func TestTheSmallestMessageOfAStatus(t *testing.T) {
	evse := ocpitest.Network(ours).Location(1).EVSEs[0]
	evse.Status = v230.StatusCharging
	for version, want := range map[ocpi.Version]string{
		ocpi.V211: `{"status":"CHARGING","last_updated":"2026-03-03T20:36:01Z"}`,
		ocpi.V230: `{"status":"CHARGING","last_updated":"2026-03-03T20:36:01.5Z"}`,
	} {
		evse.LastUpdated = datetime(t, "2026-03-03T20:36:01.5Z")
		for _, quirks := range []string{"", "ocpi-python"} {
			client, got, _ := taking(t, ocpiclient.Config{Version: version, Partner: &ocpi.Partner{Quirks: quirks}})
			if _, err := client.Send(t.Context(), composed(t)(client.EMSP().Locations.ComposeStatus(t.Context(), ocpi.Key{ID: "LOC1"}, evse))); err != nil {
				t.Fatal(err)
			}
			if body := got()[0].Body; body != want {
				t.Errorf("%s, quirks %q: %s, want %s", version, quirks, body, want)
			}
		}
	}
}

func datetime(t *testing.T, text string) ocpi.DateTime {
	t.Helper()
	var d ocpi.DateTime
	if err := d.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return d
}

// What cannot be said, or need not be, is known before anything is sent.
func TestComposingSaysWhatCannotBeSent(t *testing.T) {
	sample, ctx := ocpitest.Network(ours), t.Context()
	client, _, _ := taking(t, ocpiclient.Config{})
	cdr := sample.CDR(1)
	cdr.Credit, cdr.CreditReferenceID = new(true), new(ocpi.CiString("CDR0"))
	if _, err := client.EMSP().CDRs.ComposePost(ctx, cdr); !errors.Is(err, ocpiclient.ErrWithheld) {
		t.Errorf("CDR-07: got %v, want ErrWithheld", err)
	}
	other := ocpitest.Network(ourOther).CDR(1)
	if _, err := client.EMSP().CDRs.ComposePost(ctx, other); !errors.Is(err, ocpiclient.ErrOtherOwner) {
		t.Errorf("C-22: got %v, want ErrOtherOwner", err)
	}
	if m, changed, err := client.EMSP().Locations.ComposePatch(ctx, sample.Location(1), sample.Location(1)); changed || err != nil || m.Size() != 0 {
		t.Errorf("nothing has changed: %s, %v, %v", m, changed, err)
	}
	if _, err := client.EMSP().Tariffs.ComposeDelete(ocpi.Key{}); err == nil {
		t.Error("a tariff without an id was composed")
	}
	bare := newClient(t, ocpiclient.Config{})
	if _, err := bare.EMSP().Tariffs.ComposePut(ctx, sample.ACTariff()); !errors.Is(err, ocpiclient.ErrNotOffered) {
		t.Errorf("got %v, want ErrNotOffered", err)
	}
	older := newClient(t, ocpiclient.Config{Version: "2.0", Endpoints: endpoints("https://example.com")})
	if _, err := older.EMSP().Tariffs.ComposePut(ctx, sample.ACTariff()); !errors.Is(err, ocpiclient.ErrVersion) {
		t.Errorf("got %v, want ErrVersion", err)
	}
}

// A partner that passes over null is sent whole what has lost something, and patches of all else.
func TestRemovalsAreSentWholeToWhoPassesOverNull(t *testing.T) {
	evse := ocpitest.Network(ours).Location(1).EVSEs[0]
	evse.FloorLevel, evse.StatusSchedule = new("1"), nil
	for name, c := range map[string]struct {
		change func(*v230.EVSE)
		want   string
	}{
		"a status":        {func(e *v230.EVSE) { e.Status = v230.StatusOutOfOrder }, http.MethodPatch},
		"another floor":   {func(e *v230.EVSE) { e.FloorLevel = new("2") }, http.MethodPatch},
		"no floor":        {func(e *v230.EVSE) { e.FloorLevel = nil }, http.MethodPut},
		"no capabilities": {func(e *v230.EVSE) { e.Capabilities = nil }, http.MethodPut},
	} {
		t.Run(name, func(t *testing.T) {
			client, got, partner := taking(t, ocpiclient.Config{Partner: &ocpi.Partner{Quirks: "ocpi-python"}})
			after := evse
			c.change(&after)
			if err := client.EMSP().Locations.PatchEVSE(t.Context(), ocpi.Key{ID: "LOC1"}, evse, after); err != nil {
				t.Fatal(err)
			}
			if sent := got()[0]; !strings.HasPrefix(sent.Call, c.want+" ") || strings.Contains(sent.Body, `"connectors"`) != (c.want == http.MethodPut) {
				t.Errorf("%s %s", sent.Call, sent.Body)
			}
			if counted := strings.Contains(partner.exchanges.quirks(), "expect-put-for-removals"); counted != (c.want == http.MethodPut) {
				t.Errorf("counted %q", partner.exchanges.quirks())
			}
		})
	}
}

// CDR-04, CDR-05: Send says what a partner answers.
func TestSendSaysWhatWasAnswered(t *testing.T) {
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/cdrs/here")
		w.WriteHeader(http.StatusCreated)
		ok(w, "null")
	})
	sample, to := ocpitest.Network(ours), partner.client.EMSP()
	for want, compose := range map[ocpiclient.Sent]func(context.Context) (ocpiclient.Message, error){
		{HTTP: 201, Created: true, Location: partner.URL + "/cdrs/here"}: func(ctx context.Context) (ocpiclient.Message, error) { return to.CDRs.ComposePost(ctx, sample.CDR(1)) },
		{HTTP: 201, Created: true}: func(ctx context.Context) (ocpiclient.Message, error) {
			return to.Tariffs.ComposePut(ctx, sample.ACTariff())
		},
	} {
		m := composed(t)(compose(t.Context()))
		if sent, err := partner.client.Send(t.Context(), m); err != nil || sent != want {
			t.Errorf("%s: %+v, %v, want %+v", m, sent, err, want)
		}
	}
}
