// Package report is what a run found out, and how it is shown: as JSON, as text, as one HTML page with plots, and
// beside another report. Bar charts for the benches are drawn here too.
//
// Its one rule: a report holds everything that its text and its page say, so each can be made again from the JSON.
//
// Files: report.go the data, text.go and html.go (with svg.go and page.css) two ways of showing it, compare.go two
// reports, bars.go bar charts, format.go how figures are written. It never knows how a run is made.
package report
