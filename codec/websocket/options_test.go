package websocket

import (
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
	fields := reflect.TypeFor[Limits]()
	for f := range fields.NumField() {
		for value, complaint := range map[int64]string{-1: ": -1 is below ", 1<<40 + 1: ": 1099511627777 is above "} {
			l := DefaultLimits()
			reflect.ValueOf(&l).Elem().Field(f).SetInt(value)
			key := fields.Field(f).Tag.Get("yaml")
			found := false
			for _, err := range l.Validate() {
				found = found || strings.HasPrefix(err.Error(), key+complaint)
			}
			if !found {
				t.Errorf("%s = %d: %v", key, value, l.Validate())
			}
		}
	}
}
