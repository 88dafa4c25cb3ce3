package apidocs_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/node/apidocs"
)

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestThePageAndAllItNamesAreServedFromHere(t *testing.T) {
	handler, err := apidocs.Page{Title: "The <API>", Prefix: "/api/docs", Documents: []apidocs.Document{
		{Name: "Backend", URL: "/api/openapi.json"}, {Name: "2.1.1", URL: "/ocpi/openapi.json"},
	}}.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	for _, path := range []string{"/api/docs", "/api/docs/"} {
		resp, page := get(t, server.URL+path)
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			t.Fatalf("%s: %s, %s", path, resp.Status, resp.Header.Get("Content-Type"))
		}
		if !strings.Contains(page, "The &lt;API&gt;") || !strings.Contains(page, `data-document="/api/openapi.json"`) {
			t.Error("title or document are missing:\n", page)
		}
		if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(page, "<script>") {
			t.Error("the page has no strict policy, or a script in it that the policy forbids")
		}
		for _, found := range regexp.MustCompile(`(?:src|href)="([^"?#]+\.(?:js|css))"`).FindAllStringSubmatch(page, -1) {
			if resp, text := get(t, server.URL+found[1]); resp.StatusCode != http.StatusOK || len(text) < 100 {
				t.Errorf("%s: %s, %d bytes", found[1], resp.Status, len(text))
			}
		}
		if outside := regexp.MustCompile(`(?:src|href)="(?:https?:)?//`).FindString(page); outside != "" {
			t.Error("the page names something elsewhere:", outside)
		}
	}
	if resp, _ := get(t, server.URL+"/api/docs/LICENSE"); resp.StatusCode != http.StatusNotFound {
		t.Error("what the page does not need is", resp.Status)
	}
}

func TestAPageWithoutDocumentsIsRefused(t *testing.T) {
	if _, err := (apidocs.Page{}).Handler(); err == nil {
		t.Error("it was made")
	}
}
