package live

import (
	"encoding/json"
	"math"
	"strconv"
)

// Number is a measure that may be unknown, which is NaN here and null in JSON. Six digits of it leave.
type Number float64

// Unknown is what was not measured.
var Unknown = Number(math.NaN())

// Known says whether there is a value.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) }

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known() || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	if whole := int64(n); Number(whole) == n {
		return strconv.AppendInt(nil, whole, 10), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', 6, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = Unknown
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}

// quantile is the value below which the part q of the samples is, if those of a bucket lie evenly: what
// histogram_quantile of Prometheus says. counts are per bucket; bounds are the ends of all buckets but the last.
func quantile[N uint64 | float64](q float64, bounds []float64, counts []N) Number {
	total := N(0)
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return Unknown
	}
	rank, below := q*float64(total), 0.0
	for i, n := range counts {
		if below+float64(n) < rank || n == 0 {
			below += float64(n)
			continue
		}
		if i >= len(bounds) {
			break
		}
		start := 0.0
		if i > 0 {
			start = bounds[i-1]
		}
		return Number(start + (bounds[i]-start)*(rank-below)/float64(n))
	}
	return Number(bounds[len(bounds)-1])
}
