package loadtest

// WriteHTML writes the report as a page.
func (r *Report) WriteHTML(file string) error { return r.Write(file) }
