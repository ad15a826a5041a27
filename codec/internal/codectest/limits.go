package codectest

import (
	"reflect"
	"strings"
	"testing"
)

// EveryLimit holds that each field of L, which has whole numbers only, is checked: far below and far above its range
// gives an error that names its yaml key and the value. A field that is added without a check fails here.
func EveryLimit[L any](t *testing.T, defaults func() L, validate func(*L) []error) {
	t.Helper()
	good := defaults()
	if errs := validate(&good); len(errs) != 0 {
		t.Error("defaults:", errs)
	}
	fields := reflect.TypeFor[L]()
	for f := range fields.NumField() {
		for value, complaint := range map[int64]string{-1: ": -1 is below ", 1<<40 + 1: ": 1099511627777 is above "} {
			l := defaults()
			reflect.ValueOf(&l).Elem().Field(f).SetInt(value)
			key, found := fields.Field(f).Tag.Get("yaml"), false
			for _, err := range validate(&l) {
				found = found || strings.HasPrefix(err.Error(), key+complaint)
			}
			if !found {
				t.Errorf("%s = %d: %v", key, value, validate(&l))
			}
		}
	}
}
