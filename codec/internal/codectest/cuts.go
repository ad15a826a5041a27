package codectest

// EveryCut runs f without cuts, with one cut at each place of n bytes, and cut into single bytes.
func EveryCut(n int, f func(cuts []int)) {
	f(nil)
	for i := 1; i < n; i++ {
		f([]int{i})
	}
	f(SingleBytes(n))
}

// SingleBytes are the cuts that make n bytes come one by one.
func SingleBytes(n int) []int {
	cuts := make([]int, 0, n)
	for i := 1; i < n; i++ {
		cuts = append(cuts, i)
	}
	return cuts
}
