package task

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A client's tasks are found in their order, whichever of them have left.
func TestTasksLeaveInAnyOrder(t *testing.T) {
	tt := newTable(t, func(o *Options) { o.MaxTasksPerClient = 100 })
	rng := rand.New(rand.NewPCG(1, 2))
	ada := Owner{Principal: "ada"}
	var all []*Task
	for range 400 {
		if len(all) == 100 || len(all) > 0 && rng.IntN(3) == 0 {
			i := rng.IntN(len(all))
			all[i].forget()
			all = slices.Delete(all, i, i+1)
		} else {
			all = append(all, tt.begin(t, Spec{Owner: ada}))
		}
	}
	if found := tt.of(ada, 0, 1000); !slices.Equal(found, all) {
		t.Errorf("%d are found, want %d", len(found), len(all))
	}
	half := len(all) / 2
	if found := tt.of(ada, all[half-1].number, 3); !slices.Equal(found, all[half:half+3]) {
		t.Errorf("%d are found from the middle", len(found))
	}
	tt.ends(t)
}
