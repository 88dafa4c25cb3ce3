package ocpiclient_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A sent request is one that a partner got.
type sent struct {
	method, uri, body string
	header            http.Header
}

// keeping is a partner that takes everything, and what it was sent.
func keeping(t *testing.T, config ocpiclient.Config) (awkward, *[]sent) {
	t.Helper()
	var all []sent
	return newAwkward(t, config, func(w http.ResponseWriter, r *http.Request) {
		all = append(all, sent{r.Method, r.URL.RequestURI(), bodyOf(r), r.Header.Clone()})
		ok(w, `"ACCEPTED"`)
	}), &all
}

// DT-01, DT-15: since 2.2 tokens are in Base64; in every version each request has an id of its own, and those of one piece of
// work have its id in common.
func TestHeadersOfTheVersions_DT01_DT15(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, version := range ocpi.Versions() {
		t.Run(string(version), func(t *testing.T) {
			partner, all := keeping(t, ocpiclient.Config{Version: version})
			ctx := ocpiclient.WithCorrelationID(t.Context(), "the-work")
			for range 2 {
				if _, err := partner.client.EMSP().Tariffs.Put(ctx, ocpitest.Network(ours).ACTariff()); err != nil {
					t.Fatal(err)
				}
			}
			written := token
			if version != ocpi.V211 {
				written = base64.StdEncoding.EncodeToString([]byte(token))
			}
			one, two := (*all)[0].header, (*all)[1].header
			if got := one.Get("Authorization"); got != "Token "+written {
				t.Errorf("Authorization: %s", got)
			}
			if a, b := one.Get("X-Request-ID"), two.Get("X-Request-ID"); a == b || !uuid.MatchString(a) || !uuid.MatchString(b) {
				t.Errorf("X-Request-ID: %s and %s", a, b)
			}
			if one.Get("X-Correlation-ID") != "the-work" || two.Get("X-Correlation-ID") != "the-work" {
				t.Errorf("X-Correlation-ID: %s and %s", one.Get("X-Correlation-ID"), two.Get("X-Correlation-ID"))
			}
		})
	}
}

// DT-15: answers since 2.2 repeat both ids. One that does not is noticed and taken; before 2.2 nobody repeats them.
func TestTheMessageIDsOfAnswersAreChecked_DT15(t *testing.T) {
	for name, test := range map[string]struct {
		change func(http.Header)
		quirks string
		finds  int
	}{
		"both repeated":        {func(http.Header) {}, "", 0},
		"none":                 {func(h http.Header) { h.Del("X-Request-ID"); h.Del("X-Correlation-ID") }, "other-message-ids", 0},
		"no correlation id":    {func(h http.Header) { h.Del("X-Correlation-ID") }, "other-message-ids", 0},
		"another request's id": {func(h http.Header) { h.Set("X-Request-ID", "7") }, "other-message-ids", 1},
	} {
		for _, version := range ocpi.Versions() {
			t.Run(name+" in "+string(version), func(t *testing.T) {
				partner := newAwkward(t, ocpiclient.Config{Version: version}, func(w http.ResponseWriter, _ *http.Request) {
					test.change(w.Header())
					ok(w, "null")
				})
				if _, err := partner.client.EMSP().Tariffs.Put(t.Context(), ocpitest.Network(ours).ACTariff()); err != nil {
					t.Fatal(err)
				}
				quirks, finds := test.quirks, test.finds
				if version == ocpi.V211 {
					quirks, finds = "", 0
				}
				if got := partner.exchanges.quirks(); got != quirks {
					t.Errorf("quirks %q, want %q", got, quirks)
				}
				if findings := partner.exchanges.taken()[0].Findings; len(findings) != finds {
					t.Errorf("findings: %v", findings)
				}
			})
		}
	}
}

// DT-07: what has a body says that it is JSON.
func TestBodiesAreJSONInEveryVersion_DT07(t *testing.T) {
	sample := ocpitest.Network(ours)
	for _, version := range ocpi.Versions() {
		partner, all := keeping(t, ocpiclient.Config{Version: version})
		stopped := sample.ActiveSession()
		stopped.KWh = ocpi.MustNumber("99")
		_, err := partner.client.EMSP().Tariffs.Put(t.Context(), sample.ACTariff())
		_, _ = partner.client.EMSP().CDRs.Post(t.Context(), sample.CDR(1)) // the answer has no Location
		if err := errors.Join(err, partner.client.EMSP().Sessions.Patch(t.Context(), sample.ActiveSession(), stopped)); err != nil {
			t.Fatal(err)
		}
		methods := map[string]bool{}
		for _, s := range *all {
			methods[s.method] = s.body != "" && s.header.Get("Content-Type") == "application/json"
		}
		if want := map[string]bool{"PUT": true, "POST": true, "PATCH": true}; !maps.Equal(methods, want) {
			t.Errorf("%s: bodies are said to be JSON: %v", version, methods)
		}
	}
}

// DL-01, DS-01, DT-10: a PATCH says when it changes the object, also where the time is the same as before.
func TestEveryPatchHasLastUpdated_DT10(t *testing.T) {
	sample := ocpitest.Network(ours)
	inEachVersion(t, func(t *testing.T, version ocpi.Version) {
		partner, all := keeping(t, ocpiclient.Config{Version: version})
		emsp, cpo, ctx := partner.client.EMSP(), partner.client.CPO(), t.Context()
		location, session, card := sample.Location(1), sample.ActiveSession(), sample.Token(1)
		renamed, charged, blocked := sample.Location(1), sample.ActiveSession(), sample.Token(1)
		renamed.Name, charged.KWh, blocked.Valid = new("Renamed"), ocpi.MustNumber("99"), !card.Valid
		evse, plug := location.EVSEs[0], location.EVSEs[0].Connectors[0]
		broken, slower := sample.Location(1).EVSEs[0], plug
		broken.Status, slower.MaxAmperage = v230.StatusOutOfOrder, plug.MaxAmperage+1
		key := ocpi.Key{Party: ours, ID: "LOC1"}
		status, err := emsp.Locations.ComposeStatus(ctx, key, evse)
		if err != nil {
			t.Fatal(err)
		}
		_, err = partner.client.Send(ctx, status)
		if err := errors.Join(
			err, emsp.Locations.Patch(ctx, location, renamed), emsp.Locations.PatchEVSE(ctx, key, evse, broken),
			emsp.Locations.PatchConnector(ctx, key, string(evse.UID), plug, slower), emsp.Sessions.Patch(ctx, session, charged),
			cpo.Tokens.Patch(ctx, card, blocked),
		); err != nil {
			t.Fatal(err)
		}
		if len(*all) != 6 {
			t.Fatalf("%d requests", len(*all))
		}
		for _, s := range *all {
			var members map[string]any
			if json.Unmarshal([]byte(s.body), &members) != nil || s.method != http.MethodPatch || members["last_updated"] == nil {
				t.Errorf("%s %s: %s", s.method, s.uri, s.body)
			}
		}
	})
}

// DTA-01: tariffs are not patched since 2.2, and a change of one is sent whole; nothing is where nothing has changed.
func TestTariffsArePutSince22_DTA01(t *testing.T) {
	before, after := ocpitest.Network(ours).ACTariff(), ocpitest.Network(ours).ACTariff()
	after.TariffAltURL, after.LastUpdated = new("https://example.com/ac"), later(before.LastUpdated)
	inEachVersion(t, func(t *testing.T, version ocpi.Version) {
		partner, all := keeping(t, ocpiclient.Config{Version: version})
		if err := errors.Join(partner.client.EMSP().Tariffs.Patch(t.Context(), before, before), partner.client.EMSP().Tariffs.Patch(t.Context(), before, after)); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{true: http.MethodPatch, false: http.MethodPut}[version == ocpi.V211]
		if len(*all) != 1 || (*all)[0].method != want {
			t.Fatalf("got %d requests, the first by %s", len(*all), (*all)[0].method)
		}
		if whole := strings.Contains((*all)[0].body, `"elements"`); whole == (version == ocpi.V211) {
			t.Errorf("sent %s", (*all)[0].body)
		}
	})
}

// DK-12: a question about a token names its type once since 2.2, and one slash joins endpoint and token.
func TestTheURLOfAQuestionAboutAToken_DK12(t *testing.T) {
	for version, query := range map[ocpi.Version]string{
		ocpi.V211: "?token_type=OTHER&type=OTHER", ocpi.V221: "?type=APP_USER", ocpi.V230: "?type=APP_USER",
	} {
		partner, all := keeping(t, ocpiclient.Config{Version: version})
		_, _ = partner.client.EMSP().Tokens.Authorize(t.Context(), ocpiclient.AuthorizeRequest{TokenUID: "A/1", TokenType: v230.TokenTypeAppUser})
		if got, want := (*all)[0].uri, "/ocpi/emsp/2.1.1/tokens/A%2F1/authorize"+query; got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}

// DV-01: the side of an endpoint says which one is called; platforms that leave it out, or list a side for each of their roles,
// are told apart by their paths, and the wrong side is never called.
func TestEndpointsAreChosenBySide_DV01(t *testing.T) {
	both := []ocpi.Endpoint{
		{Module: ocpi.ModuleTariffs, Role: ocpi.Receiver, URL: "/in/tariffs"}, {Module: ocpi.ModuleTariffs, Role: ocpi.Sender, URL: "/out/tariffs"},
	}
	for name, test := range map[string]struct {
		endpoints []ocpi.Endpoint
		pull      string
		push      string
	}{
		"both sides":       {both, "/out/tariffs", "/in/tariffs/BE/TST/T1"},
		"one side only":    {both[:1], "", "/in/tariffs/BE/TST/T1"},
		"no side":          {[]ocpi.Endpoint{{Module: ocpi.ModuleTariffs, URL: "/tariffs"}}, "/tariffs", "/tariffs/BE/TST/T1"},
		"no side, by path": {[]ocpi.Endpoint{{Module: ocpi.ModuleTariffs, URL: "/receiver/tariffs"}, {Module: ocpi.ModuleTariffs, URL: "/sender/tariffs"}}, "/sender/tariffs", "/receiver/tariffs/BE/TST/T1"},
		"no side there is": {[]ocpi.Endpoint{{Module: ocpi.ModuleTariffs, Role: "CPO", URL: "/cpo/tariffs"}, {Module: ocpi.ModuleTariffs, Role: "EMSP", URL: "/emsp/tariffs"}}, "/cpo/tariffs", "/emsp/tariffs/BE/TST/T1"},
		"a side twice":     {[]ocpi.Endpoint{{Module: ocpi.ModuleTariffs, Role: ocpi.Sender, URL: "/nsp/tariffs"}, {Module: ocpi.ModuleTariffs, Role: ocpi.Sender, URL: "/cpo/tariffs"}}, "/cpo/tariffs", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			partner := newAwkward(t, ocpiclient.Config{Version: ocpi.V221}, func(w http.ResponseWriter, r *http.Request) {
				got = append(got, r.URL.Path)
				ok(w, "[]")
			})
			endpoints := append([]ocpi.Endpoint(nil), test.endpoints...)
			for i := range endpoints {
				endpoints[i].URL = partner.URL + endpoints[i].URL
			}
			client := newClient(t, ocpiclient.Config{Version: ocpi.V221, Endpoints: endpoints})
			tariff := ocpitest.Network(ours).ACTariff()
			tariff.ID = "T1"
			pulled := drain(client.CPO().Tariffs.List(t.Context(), ocpi.Query{}))
			_, pushed := client.EMSP().Tariffs.Put(t.Context(), tariff)
			var want []string
			for path, err := range map[string]error{test.pull: pulled, test.push: pushed} {
				if path == "" && !errors.Is(err, ocpiclient.ErrNotOffered) || path != "" && err != nil {
					t.Errorf("%q: %v", path, err)
				}
			}
			for _, path := range []string{test.pull, test.push} {
				if path != "" {
					want = append(want, path)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// DT-10: the codes of 2.2, under any HTTP status that lets them through.
func TestHubsAndTokensHaveCodes_DT10(t *testing.T) {
	for code, want := range map[ocpi.StatusCode]ocpiclient.Kind{
		ocpi.StatusUnknownToken: ocpiclient.NotFound, ocpi.StatusHubError: ocpiclient.TryLater, ocpi.StatusUnknownReceiver: ocpiclient.Permanent,
		ocpi.StatusHubTimeout: ocpiclient.TryLater, ocpi.StatusHubConnection: ocpiclient.TryLater,
	} {
		for _, status := range []int{http.StatusOK, http.StatusNotFound, http.StatusInternalServerError} {
			partner := newAwkward(t, ocpiclient.Config{Version: ocpi.V221, Retries: -1}, func(w http.ResponseWriter, _ *http.Request) {
				fails(w, status, code, "no")
			})
			_, err := partner.client.EMSP().Tariffs.Put(t.Context(), ocpitest.Network(ours).ACTariff())
			var failed *ocpiclient.Error
			if !errors.As(err, &failed) || failed.Kind != want || failed.Status != code {
				t.Errorf("HTTP %d with %d: %+v, want %s", status, code, failed, want)
			}
		}
	}
}

// DS-09: a driver's preferences are put to the session, and answered with one word.
func TestChargingPreferencesAreSet_DS09(t *testing.T) {
	inEachVersion(t, func(t *testing.T, version ocpi.Version) {
		partner, all := keeping(t, ocpiclient.Config{Version: version})
		preferences := v230.ChargingPreferences{ProfileType: v230.ProfileTypeGreen}
		answer, err := partner.client.CPO().SetChargingPreferences(t.Context(), "S 1", preferences)
		if version == ocpi.V211 {
			if !errors.Is(err, ocpiclient.ErrNotOffered) || len(*all) != 0 {
				t.Errorf("got %v, want ErrNotOffered", err)
			}
			return
		}
		if err != nil || answer != v230.ChargingPreferencesResponseAccepted {
			t.Fatal(answer, err)
		}
		want := sent{method: http.MethodPut, uri: "/ocpi/cpo/2.1.1/sessions/S%201/charging_preferences", body: `{"profile_type":"GREEN"}`}
		if got := (*all)[0]; got.method != want.method || got.uri != want.uri || got.body != want.body {
			t.Errorf("sent %s %s %s", got.method, got.uri, got.body)
		}
	})
	t.Run("no word", func(t *testing.T) {
		partner := newAwkward(t, ocpiclient.Config{Version: ocpi.V230}, func(w http.ResponseWriter, _ *http.Request) { ok(w, "{}") })
		if answer, err := partner.client.CPO().SetChargingPreferences(t.Context(), "1", v230.ChargingPreferences{}); err == nil {
			t.Errorf("got %q", answer)
		}
	})
}
