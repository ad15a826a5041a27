package table

import (
	"maps"
	"reflect"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Row is a counter with its value.
type Row struct {
	Name, Unit, Help, Ended string
	Value                   uint64
}

// Rows returns the single counters of a struct that have a name in reports, in the order of its fields. table points
// to the struct.
func Rows(table any) []Row {
	var rows []Row
	Walk(reflect.ValueOf(table).Elem(), func(field reflect.StructField, value reflect.Value) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" || field.Type.Kind() != reflect.Uint64 {
			return
		}
		tag := field.Tag.Get
		rows = append(rows, Row{Name: name, Unit: tag("unit"), Help: tag("help"), Ended: tag("ended"), Value: value.Uint()})
	})
	return rows
}

// Walk calls do for each field of a table.
func Walk(table reflect.Value, do func(field reflect.StructField, value reflect.Value)) {
	for i := range table.NumField() {
		if field := table.Type().Field(i); field.Anonymous {
			Walk(table.Field(i), do)
		} else {
			do(field, table.Field(i))
		}
	}
}

// Add adds one table to another of the same type: what two loops, workers or phases have counted, together.
func Add[T any](into, from *T) {
	values := fieldsOf(from)
	Walk(reflect.ValueOf(into).Elem(), func(field reflect.StructField, sum reflect.Value) {
		value := values[field.Name]
		switch to := sum.Interface().(type) {
		case uint64:
			sum.SetUint(to + value.Uint())
		case map[string]uint64:
			if to == nil && value.Len() > 0 {
				to = map[string]uint64{}
				sum.Set(reflect.ValueOf(to))
			}
			for name, n := range value.Interface().(map[string]uint64) {
				to[name] += n
			}
		case *hdrhistogram.Histogram:
			if other := value.Interface().(*hdrhistogram.Histogram); other.TotalCount() > 0 { // a merge walks every bucket
				to.Merge(other)
			}
		default:
			eachElement(sum, func(i int) { sum.Index(i).SetUint(sum.Index(i).Uint() + value.Index(i).Uint()) })
		}
	})
}

// Difference is what was counted between two moments; levels are 0 in it. Histograms are those of now: they are
// emptied at each Fleet.Take, and so hold the difference already.
func Difference[T any](now, before *T) T {
	d := *now
	values := fieldsOf(before)
	Walk(reflect.ValueOf(&d).Elem(), func(field reflect.StructField, left reflect.Value) {
		value := values[field.Name]
		switch to := left.Interface().(type) {
		case uint64:
			if left.SetUint(to - value.Uint()); field.Tag.Get("merge") == "level" {
				left.SetUint(0)
			}
		case map[string]uint64:
			to = maps.Clone(to)
			for name, n := range value.Interface().(map[string]uint64) {
				if to[name] -= n; to[name] == 0 {
					delete(to, name)
				}
			}
			left.Set(reflect.ValueOf(to))
		default:
			eachElement(left, func(i int) { left.Index(i).SetUint(left.Index(i).Uint() - value.Index(i).Uint()) })
		}
	})
	return d
}

// fieldsOf returns the fields of a table by name.
func fieldsOf(table any) map[string]reflect.Value {
	all := map[string]reflect.Value{}
	Walk(reflect.ValueOf(table).Elem(), func(field reflect.StructField, value reflect.Value) { all[field.Name] = value })
	return all
}

// eachElement calls do for each index of an array of counters; of anything else there is none.
func eachElement(value reflect.Value, do func(i int)) {
	if value.Kind() != reflect.Array || value.Type().Elem().Kind() != reflect.Uint64 {
		return
	}
	for i := range value.Len() {
		do(i)
	}
}

// MakeEmpty gives a table its maps and histograms.
func MakeEmpty(table any) {
	Walk(reflect.ValueOf(table).Elem(), func(_ reflect.StructField, value reflect.Value) {
		switch value.Interface().(type) {
		case map[string]uint64:
			value.Set(reflect.ValueOf(map[string]uint64{}))
		case *hdrhistogram.Histogram:
			value.Set(reflect.ValueOf(newHistogram()))
		}
	})
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, MostMicros, histDigits) }

// MostMicros is the most that a histogram holds: ten minutes.
const MostMicros = 600_000_000

const histDigits = 3
