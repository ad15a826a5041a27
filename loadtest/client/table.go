package client

import (
	"maps"
	"reflect"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A struct of counters is a table: each field is a row, and its tags say the rest.
//
//	json   the name in reports
//	unit   what is counted
//	help   one sentence
//	ended  how a call that is counted here ended: answered, refused, cancelled, failed or unexplained
//	merge  "level" for what is true of a moment: it is added over workers and has no difference over time
//
// Fields are uint64, arrays of it, maps from names to it, or histograms. Others are left alone, and embedded structs
// are part of the table. Walking a table takes microseconds: it is for samples, not for messages.

// Row is a counter with its value.
type Row struct {
	Name, Unit, Help, Ended string
	Value                   uint64
}

// Table returns the single counters of a struct that have a name in reports, in the order of its fields. table points
// to the struct.
func Table(table any) []Row {
	var rows []Row
	walk(reflect.ValueOf(table).Elem(), func(field reflect.StructField, value reflect.Value) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" || field.Type.Kind() != reflect.Uint64 {
			return
		}
		tag := field.Tag.Get
		rows = append(rows, Row{Name: name, Unit: tag("unit"), Help: tag("help"), Ended: tag("ended"), Value: value.Uint()})
	})
	return rows
}

// walk calls do for each field of a table.
func walk(table reflect.Value, do func(field reflect.StructField, value reflect.Value)) {
	for i := range table.NumField() {
		if field := table.Type().Field(i); field.Anonymous {
			walk(table.Field(i), do)
		} else {
			do(field, table.Field(i))
		}
	}
}

// Add adds one table to another of the same type: what two loops, workers or phases have counted, together.
func Add[T any](into, from *T) {
	values := fieldsOf(from)
	walk(reflect.ValueOf(into).Elem(), func(field reflect.StructField, sum reflect.Value) {
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
	walk(reflect.ValueOf(&d).Elem(), func(field reflect.StructField, left reflect.Value) {
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
	walk(reflect.ValueOf(table).Elem(), func(field reflect.StructField, value reflect.Value) { all[field.Name] = value })
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

// makeEmpty gives a table its maps and histograms.
func makeEmpty(table any) {
	walk(reflect.ValueOf(table).Elem(), func(_ reflect.StructField, value reflect.Value) {
		switch value.Interface().(type) {
		case map[string]uint64:
			value.Set(reflect.ValueOf(map[string]uint64{}))
		case *hdrhistogram.Histogram:
			value.Set(reflect.ValueOf(newHistogram()))
		}
	})
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 10*minuteMicros, histDigits) }
