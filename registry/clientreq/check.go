package clientreq

import (
	"errors"
	"fmt"
	"maps"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/feature"
	"weir/registry/schema"
)

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

// Check is what a handler asks for in a form that every client can read; requests is not written to. The error names
// the request that nobody could answer: its client would have to pay for a mistake of the handler.
func Check(requests mcp.InputRequestMap) (mcp.InputRequestMap, error) {
	checked := requests
	for key, request := range requests {
		if !utf8.ValidString(key) {
			return nil, fmt.Errorf("inputRequests: the key %q is not UTF-8", key)
		}
		fit, err := checkOne(request)
		if err != nil {
			return nil, fmt.Errorf("inputRequests.%s: %w", key, err)
		}
		if fit != request {
			if len(checked) == len(requests) {
				checked = maps.Clone(requests)
			}
			checked[key] = fit
		}
	}
	return checked, nil
}

var (
	errNoRequest = errors.New("the request is nil")
	errMode      = errors.New("the mode must be form or url")
	errNoURL     = errors.New("the mode is url, and the url is missing")
	errNoMessage = errors.New("a message needs a content")
)

func checkOne(request mcp.InputRequest) (mcp.InputRequest, error) {
	switch p := request.(type) {
	case *mcp.ElicitParams:
		if p != nil {
			return p, checkElicit(p)
		}
	case *mcp.CreateMessageParams:
		if p == nil {
			break
		}
		for i, m := range p.Messages {
			if m == nil || m.Content == nil {
				return nil, fmt.Errorf("messages[%d]: %w", i, errNoMessage)
			}
			if err := feature.CheckRole(m.Role); err != nil {
				return nil, fmt.Errorf("messages[%d]: %w", i, err)
			}
		}
		if p.Messages == nil {
			fit := *p
			fit.Messages = []*mcp.SamplingMessage{} // null is no array
			return &fit, nil
		}
		return p, nil
	case *mcp.CreateMessageWithToolsParams:
		if p == nil {
			break
		}
		for i, m := range p.Messages {
			if m == nil || len(m.Content) == 0 {
				return nil, fmt.Errorf("messages[%d]: %w", i, errNoMessage)
			}
			if err := feature.CheckRole(m.Role); err != nil {
				return nil, fmt.Errorf("messages[%d]: %w", i, err)
			}
		}
		if p.Messages == nil {
			fit := *p
			fit.Messages = []*mcp.SamplingMessageV2{}
			return &fit, nil
		}
		return p, nil
	case *mcp.ListRootsParams:
		if p != nil {
			return p, nil
		}
	}
	return nil, errNoRequest
}

// checkElicit refuses an elicitation that no answer could fit.
func checkElicit(p *mcp.ElicitParams) error {
	switch {
	case p.Mode != "" && p.Mode != elicitURL && p.Mode != elicitForm:
		return errMode
	case toURL(p) && p.URL == "":
		return errNoURL
	}
	if _, err := schema.ForAnswers(p.RequestedSchema); err != nil {
		return fmt.Errorf("requestedSchema: %w", err)
	}
	return nil
}
