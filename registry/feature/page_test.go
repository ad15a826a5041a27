package feature

import (
	"strings"
	"testing"

	"weir/codec"
)

// Every list has a tag of its own.
func TestListTags(t *testing.T) {
	seen := map[byte]bool{}
	for _, list := range []*List{Tools, Prompts, Resources, Templates} {
		if seen[list.tag] || codec.Member([]byte("{"+list.member+"]}"), strings.Trim(list.member, `":[`)) == nil {
			t.Errorf("list %+v", list)
		}
		seen[list.tag] = true
	}
}
