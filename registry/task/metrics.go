package task

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// Every series of this package. docs/METRICS.md says what each is.
type series struct {
	created *metrics.Counter
	refused [refusals]*metrics.Counter
	ended   [Endings]*metrics.Counter
}

// newSeries makes the series; tasks, bytes and waits read what their gauges show.
func newSeries(set *metrics.Set, o *Options, tasks, bytes, waits func() int64) series {
	m := series{created: set.NewCounter(`weir_tasks_created_total`)}
	for i, reason := range refusalNames {
		m.refused[i] = set.NewCounter(fmt.Sprintf(`weir_tasks_refused_total{reason=%q}`, reason))
	}
	for how := range Endings {
		m.ended[how] = set.NewCounter(fmt.Sprintf(`weir_tasks_ended_total{reason=%q}`, how))
	}
	gauge := func(name string, read func() int64) { set.NewGauge(name, func() float64 { return float64(read()) }) }
	gauge(`weir_tasks`, tasks)
	gauge(`weir_tasks_limit`, func() int64 { return int64(o.MaxTasks) })
	gauge(`weir_task_bytes`, bytes)
	gauge(`weir_task_limit_bytes`, func() int64 { return int64(o.MaxTaskTotalBytes) })
	gauge(`weir_task_waits`, waits)
	gauge(`weir_task_waits_limit`, func() int64 { return int64(o.MaxTaskWaits) })
	return m
}
