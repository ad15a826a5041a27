package codec

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestDefaultLimitsAreValid(t *testing.T) {
	l := DefaultLimits()
	if errs := l.Validate(); len(errs) != 0 {
		t.Error(errs)
	}
}

// TestLimitsAreChecked: every field, far below and far above, gives one error that names its yaml key and the value. A
// field added without a check fails here.
func TestLimitsAreChecked(t *testing.T) {
	groups := reflect.TypeFor[Limits]()
	for g := range groups.NumField() {
		for f := range groups.Field(g).Type.NumField() {
			for _, value := range []int64{-1, 1 << 40} {
				l := DefaultLimits()
				reflect.ValueOf(&l).Elem().Field(g).Field(f).SetInt(value)
				key := groups.Field(g).Tag.Get("yaml") + "." + groups.Field(g).Type.Field(f).Tag.Get("yaml")
				found := false
				for _, err := range l.Validate() {
					found = found || strings.HasPrefix(err.Error(), fmt.Sprintf("%s: %d is out of range", key, value))
				}
				if !found {
					t.Errorf("%s = %d: %v", key, value, l.Validate())
				}
			}
		}
	}
}
