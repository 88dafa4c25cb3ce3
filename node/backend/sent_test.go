package backend_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// under follows names into a JSON document.
func under(document any, names ...string) any {
	for _, name := range names {
		members, ok := document.(map[string]any)
		if !ok {
			return nil
		}
		document = members[name]
	}
	return document
}

func TestTheDocumentSaysWhatMayBeSent(t *testing.T) {
	p, _ := everything(t)
	document := decoded[map[string]any](t, p.want(http.StatusOK, "GET", "/api/openapi.json", "", "Authorization", "").body)
	schemas := under(document, "components", "schemas")
	for at, want := range map[string]string{
		"LocationInput/properties/evses/items":       "map[$ref:#/components/schemas/EVSEInput]",
		"EVSEInput/properties/connectors/items":      "map[$ref:#/components/schemas/ConnectorInput]",
		"ConnectorInput/additionalProperties":        "false",
		"LocationPatch/additionalProperties":         "false",
		"LocationPatch/required":                     "<nil>",
		"LocationPatch/properties/name/type":         "[string null]",
		"LocationPatch/properties/city/type":         "string",
		"LocationPatch/properties/last_updated/type": "[string null]",
		"LocationPatch/properties/evses/type":        "[array null]",
		"LocationPatch/properties/operator/anyOf":    "[map[$ref:#/components/schemas/BusinessDetailsPatch] map[type:null]]",
		"BusinessDetailsPatch/required":              "<nil>",
		"WebhookSettingsPatch/required":              "<nil>",
		"PolicyPatch/properties/push/anyOf":          "[map[$ref:#/components/schemas/PushPolicyPatch] map[type:null]]",
	} {
		if got := fmt.Sprint(under(schemas, strings.Split(at, "/")...)); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
	for _, name := range []string{"Location", "EVSE", "Connector", "Session", "Tariff", "CDR", "Token"} {
		shown, _ := under(schemas, name, "required").([]any)
		sent, _ := under(schemas, name+"Input", "required").([]any)
		if !slices.Contains(shown, any("last_updated")) || slices.Contains(sent, any("last_updated")) || len(sent) != len(shown)-1 {
			t.Errorf("of a %s, %v is shown and %v is to be sent", name, shown, sent)
		}
	}
	if strings.Contains(fmt.Sprint(document), "patternDescription") {
		t.Error("it has a word that OpenAPI does not have")
	}
	if len(under(document, "servers").([]any)) != 1 {
		t.Error("it does not say where the API is")
	}
}

func TestTheDocumentSaysWhichAnswersHaveNoBodyAndWhichRequestsAreDoneOnce(t *testing.T) {
	p, _ := everything(t)
	document := decoded[map[string]any](t, p.want(http.StatusOK, "GET", "/api/openapi.json", "", "Authorization", "").body)
	for path, methods := range document["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			for _, status := range []string{"204", "304"} {
				if content := under(op, "responses", status, "content"); content != nil {
					t.Errorf("%s %s: %s has %v", method, path, status, content)
				}
			}
			once := strings.Contains(fmt.Sprint(under(op, "parameters")), "Idempotency-Key")
			if want := method == "post" && !strings.HasSuffix(path, "/bulk"); once != want {
				t.Errorf("%s %s: done once with a key is %v, want %v", method, path, once, want)
			}
		}
	}
}

func TestSettingsAreRefusedWithEveryPointer(t *testing.T) {
	p, _ := everything(t)
	for _, c := range []struct {
		method, path, body string
		want               []string
	}{
		{"PATCH", "/api/v1/partners/alpha/policy", `{"push":{"rate":"x","colour":1,"off":5},"pull":{"every":"soon","except":["parrots"]},"x":1}`,
			[]string{"/pull/every", "/pull/except/0", "/push/colour", "/push/off", "/push/rate", "/x"}},
		{"PATCH", "/api/v1/partners/alpha/policy", `{"push":{"parties":["NL/GPE","FR/ABC","x"]}}`, []string{"/push/parties/1", "/push/parties/2"}},
		{"PATCH", "/api/v1/partners/alpha/policy", `{"result_hosts":["example.com","example.com:8443","https://example.com","a host","example.com/x"]}`,
			[]string{"/result_hosts/2", "/result_hosts/3", "/result_hosts/4"}},
		{"PATCH", "/api/v1/webhooks/h1", `{"url":5,"colour":1,"types":"x"}`, []string{"/colour", "/types", "/url"}},
		{"POST", "/api/v1/partners/alpha/register", `{"versions_url":"somewhere","token_a":"x"}`, []string{"/versions_url"}},
		{"POST", "/api/v1/partners/alpha/register", `{"versions_url":"file:///etc/passwd","token_a":"x"}`, []string{"/versions_url"}},
		{"POST", "/api/v1/partners/alpha/register", `{"versions_url":"https://example.com","token_a":"a b"}`, []string{"/token_a"}},
		{"POST", "/api/v1/partners/alpha/register", `{"versions_url":"https://example.com","token_a":"x","terms":{"serves":["FR/ABC","x"],"need":["tariffs","parrots"]}}`,
			[]string{"/terms/need/1", "/terms/serves/0", "/terms/serves/1"}},
		{"POST", "/api/v1/partners", `{"name":"a/b\n","token":"a\r\nb","parties":[{"party":"DE/ABC","role":"EMSP"}]}`, []string{"/name", "/token"}},
	} {
		if diff := cmp.Diff(c.want, p.want(http.StatusUnprocessableEntity, c.method, c.path, c.body).pointers(t)); diff != "" {
			t.Errorf("%s %s %s: %s", c.method, c.path, c.body, diff)
		}
	}
}
