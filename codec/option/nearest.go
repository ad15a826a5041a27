package option

import (
	"reflect"
	"regexp"
	"strings"
)

// Keys lists every key that a struct type has, also below nil pointers and in the entries of lists, whose index is
// empty: phases[].duration; where sections have names of their own, NAME stands for one.
func Keys(t reflect.Type) []string {
	var keys []string
	var collect func(v reflect.Value, key string)
	collect = func(v reflect.Value, key string) {
		for _, f := range Fields(v, key) {
			keys = append(keys, f.Key)
			switch f.Kind {
			case Section, Pair:
				collect(reflect.New(f.scalar()).Elem(), f.Key)
			case Sections:
				collect(reflect.New(f.scalar().Elem()).Elem(), f.Key+"[]")
			case Named:
				collect(reflect.New(f.scalar().Elem().Elem()).Elem(), f.Key+".NAME")
			}
		}
	}
	collect(reflect.New(t).Elem(), "")
	return keys
}

var index = regexp.MustCompile(`\[\d+\]`)

// Nearest is the key that was probably meant: nearly the same word in its section, or this very word (or nearly) in
// another one. "" when there is none.
func Nearest(key string, known []string) string {
	key = index.ReplaceAllString(key, "[]")
	leaf := Leaf(key)
	if len(leaf) > longestKey {
		return "" // a pasted line
	}
	best, bestDistance := "", 1+max(2, len(key)/4)
	for _, one := range known {
		distance := editDistance(leaf, Leaf(one))
		if strings.TrimSuffix(one, Leaf(one)) != strings.TrimSuffix(key, leaf) {
			distance++ // the same section is likelier
		}
		if distance < bestDistance && distance <= len(leaf)/2 {
			best, bestDistance = one, distance
		}
	}
	return best
}

// longestKey is the longest that is compared. Options have shorter names.
const longestKey = 64

// editDistance is how many letters to insert, delete, replace or swap with their neighbour, in words of at most
// longestKey.
func editDistance(a, b string) int {
	var d [longestKey + 1][longestKey + 1]int
	for i := range len(a) + 1 {
		d[i][0] = i
	}
	for j := range len(b) + 1 {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			d[i][j] = min(replace, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
