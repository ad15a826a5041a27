package cases

import (
	"errors"
	"testing"
)

func TestBracket(t *testing.T) {
	f := func(ceiling float64) {
		t.Helper()
		tries := 0
		got, err := bracket(1000, 4, func(rate float64) (bool, error) { tries++; return rate <= ceiling, nil })
		if err != nil || got > ceiling || got < ceiling/1.045 || tries > 20 {
			t.Errorf("of %v: %v after %d steps, %v", ceiling, got, tries, err)
		}
	}
	for _, ceiling := range []float64{130, 999, 1000, 1001, 3210, 250_000} {
		f(ceiling)
	}
	if got, err := bracket(1000, 4, func(float64) (bool, error) { return false, nil }); got != 0 || err != nil {
		t.Errorf("nothing is held: %v, %v", got, err)
	}
	if got, err := bracket(1000, 4, func(float64) (bool, error) { return true, nil }); got > 2*ceilingMost || err != nil {
		t.Errorf("everything is held: %v, %v", got, err)
	}
	gone := errors.New("gone")
	if _, err := bracket(1000, 4, func(float64) (bool, error) { return false, gone }); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}
