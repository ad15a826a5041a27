package offer

import "testing"

// TestHidesHoweverWritten: what is denied is not found by a template under another spelling of its URI.
func TestHidesHoweverWritten(t *testing.T) {
	v := &View{only: &Options{Resources: Filter{Deny: []string{"file:///secret*", "x:y"}}}}
	for uri, want := range map[string]bool{
		"file:///secret/a": true, "file:///%73ecret": true, "file:///%73%65cret/a": true, "FILE:///secret": true,
		"file:///public/../secret": true, "file:///./secret": true, "file:///public/%2e%2e/secret": true,
		"file:////secret": true, "x:%79": true,
		"file:///public": false, "file:///public/secret": false, "file:///%zz": false, "x:z": false, "": false,
	} {
		if got := v.Hides([]byte(uri)); got != want {
			t.Errorf("%s: %t", uri, got)
		}
	}
	if everything := (&View{}); everything.Hides([]byte("file:///secret")) {
		t.Error("who sees everything does not see it")
	}
}
