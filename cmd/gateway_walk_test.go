package cmd

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// prompted are the arguments of prompts whose answers are walked.
var prompted = map[string]map[string]string{
	"simple-prompt":      nil,
	"args-prompt":        {"city": "Oslo", "state": "none"},
	"completable-prompt": {"department": "Sales", "name": "David"},
	"resource-prompt":    {"resourceType": "Text", "resourceId": "2"},
}

// expanded are URIs of templates.
var expanded = []string{"demo://resource/dynamic/text/3", "demo://resource/dynamic/blob/4", "demo://resource/none"}

// exceptions are what is not the same through Weir, and why.
var exceptions = map[string]string{
	"resources/read demo://resource/none": "nobody offers it, so nobody is asked: Weir says so in its own words",
	"tool trigger-url-elicitation":        "only for clients that declare it, which a mount is told they do",
}

// untimed takes out of an answer when it was made.
func untimed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if text, is := value.(string); is && key == "blob" {
				decoded, _ := base64.StdEncoding.DecodeString(text)
				value = string(decoded)
			}
			v[key] = untimed(value)
		}
	case []any:
		for i := range v {
			v[i] = untimed(v[i])
		}
	case string:
		if before, _, found := strings.Cut(v, " This resource was generated at "); found {
			return before
		}
		if before, _, found := strings.Cut(v, "created at "); found {
			return before
		}
	}
	return v
}

// walkOffers lists prompts, resources and templates, and asks for what they are.
func walkOffers(t *testing.T, ctx context.Context, session *mcp.ClientSession, found map[string]any) {
	t.Helper()
	note := func(what string, answer any, err error) {
		t.Helper()
		if err != nil {
			found[what] = err.Error()
			return
		}
		plain := plainOf(t, answer).(map[string]any)
		for _, member := range []string{"_meta", "resultType", "ttlMs", "cacheScope"} { // of one hop
			delete(plain, member)
		}
		found[what] = untimed(plain)
	}
	offers := session.InitializeResult().Capabilities
	if offers.Prompts != nil {
		for p, err := range session.Prompts(ctx, nil) {
			if err != nil {
				t.Fatal(err)
			}
			note("prompt "+p.Name, p, nil)
			answer, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: p.Name, Arguments: prompted[p.Name]})
			note("prompts/get "+p.Name, answer, err)
		}
		complete := &mcp.CompleteParams{Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "completable-prompt"},
			Argument: mcp.CompleteParamsArgument{Name: "department", Value: "S"}}
		answer, err := session.Complete(ctx, complete)
		note("complete department", answer, err)
	}
	if offers.Resources == nil {
		return
	}
	uris := expanded
	for r, err := range session.Resources(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		note("resource "+r.URI, r, nil)
		uris = append(uris, r.URI)
	}
	for r, err := range session.ResourceTemplates(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		note("template "+r.URITemplate, r, nil)
		complete := &mcp.CompleteParams{Ref: &mcp.CompleteReference{Type: "ref/resource", URI: r.URITemplate},
			Argument: mcp.CompleteParamsArgument{Name: "resourceId", Value: "1"}}
		answer, err := session.Complete(ctx, complete)
		note("complete "+r.URITemplate, answer, err)
	}
	for _, uri := range uris {
		answer, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
		note("resources/read "+uri, answer, err)
	}
}
