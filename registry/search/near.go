package search

// maxNear is by how many letters a name may differ from what was meant, and longestName the longest that is compared.
const (
	maxNear     = 3
	longestName = 128
)

// Near are the names that differ from name in a few letters, at most one in four, the nearest first; limit at most.
// Names are bytes to it.
func Near(names []string, name string, limit int) []string {
	most := min(maxNear, len(name)/4)
	var near [maxNear + 1][]string
	for _, one := range names {
		if d := distance(one, name, most); d <= most && len(near[d]) < limit {
			near[d] = append(near[d], one)
		}
	}
	var all []string
	for _, some := range near {
		all = append(all, some...)
	}
	return all[:min(len(all), max(limit, 0))]
}

// distance is how many letters are to be inserted, deleted or replaced to make one of the other; most+1 where there are
// more, which is seen from their lengths mostly.
func distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most || len(a) > longestName || len(b) > longestName {
		return most + 1
	}
	var row [longestName + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal, least := row[0], i
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := diagonal
			if a[i-1] != b[j-1] {
				replaced++
			}
			diagonal = row[j]
			row[j] = min(replaced, row[j]+1, row[j-1]+1)
			least = min(least, row[j])
		}
		if least > most {
			return most + 1
		}
	}
	return row[len(b)]
}
