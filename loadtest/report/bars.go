package report

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"strings"
)

// BarChart is figures side by side, drawn as an SVG file of its own: no script, no font, no other file, in light and
// dark.
type BarChart struct {
	Title string
	Unit  string
	Note  string // below: where and when it was measured
	// Format writes a figure of the axis.
	Format func(float64) string
	Log    bool
	Bars   []Bar
}

// Bar is one row. One value is a bar from the beginning of the axis; several are a line from the first to the last
// with a dot on each.
type Bar struct {
	Group  string // a heading above the row, where it differs from the row before
	Name   string
	Values []float64
	Text   string // behind the bar
	// Own marks the rows that the page is about; the others are what they are compared with.
	Own bool
}

const (
	barsWidth, barsLeft, barsRight = 780.0, 170.0, 270.0
	barsTop, barsRow, barsGroup    = 58.0, 26.0, 26.0
	barsBottom, barsThick          = 52.0, 14.0
	barsPlot                       = barsWidth - barsLeft - barsRight
	barsTicks                      = 4
	dotRadius                      = 4.5
	shortestBar                    = 1.5 // px: what is very little is still seen
)

//go:embed bars.css
var barsStyle string

// SVG draws the chart.
func (c *BarChart) SVG() string {
	low, high := c.span()
	x := func(v float64) float64 {
		if c.Log {
			return barsLeft + barsPlot*(math.Log10(max(v, low))-math.Log10(low))/(math.Log10(high)-math.Log10(low))
		}
		return barsLeft + barsPlot*v/high
	}
	var rows strings.Builder
	y, group := barsTop, ""
	for i := range c.Bars {
		r := &c.Bars[i]
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(&rows, "<text class=\"group\" x=\"20\" y=\"%g\">%s</text>\n", y+barsGroup*0.7, html.EscapeString(group))
			y += barsGroup
		}
		r.draw(&rows, y+barsRow/2, x)
		y += barsRow
	}
	var b strings.Builder
	height := y + barsBottom
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" "+
		"role=\"img\" aria-label=\"%s\">\n<style>%s</style>\n",
		barsWidth, height, barsWidth, height, html.EscapeString(c.Title), barsStyle)
	fmt.Fprintf(&b, "<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"%g\" height=\"%g\" rx=\"10\"/>\n", barsWidth-1,
		height-1)
	fmt.Fprintf(&b, "<text class=\"title\" x=\"20\" y=\"30\">%s</text><text class=\"soft\" x=\"20\" y=\"48\">%s</text>\n",
		html.EscapeString(c.Title),
		html.EscapeString(c.Unit))
	for _, v := range c.ticks(low, high) {
		fmt.Fprintf(&b, "<path class=\"grid\" d=\"M%.1f %gV%g\"/><text class=\"soft\" x=\"%.1f\" y=\"%g\" "+
			"text-anchor=\"middle\">%s</text>\n", x(v), barsTop, y,
			x(v), y+17, html.EscapeString(c.Format(v)))
	}
	b.WriteString(rows.String())
	fmt.Fprintf(&b, "<text class=\"soft\" x=\"20\" y=\"%g\">%s</text>\n</svg>\n", height-14, html.EscapeString(c.Note))
	return b.String()
}

func (r *Bar) draw(b *strings.Builder, middle float64, x func(float64) float64) {
	class := "other"
	if r.Own {
		class = "own"
	}
	fmt.Fprintf(b, "<text x=\"%g\" y=\"%g\" text-anchor=\"end\">%s</text>", barsLeft-10, middle+4.5,
		html.EscapeString(r.Name))
	end := barsLeft
	switch n := len(r.Values); {
	case n == 1:
		width := max(shortestBar, x(r.Values[0])-barsLeft)
		fmt.Fprintf(b, "<rect class=\"%s\" x=\"%g\" y=\"%g\" width=\"%.1f\" height=\"%g\" rx=\"2\"/>", class, barsLeft,
			middle-barsThick/2, width, barsThick)
		end += width
	case n > 1:
		fmt.Fprintf(b, "<path class=\"line %s\" d=\"M%.1f %gH%.1f\"/>", class, x(r.Values[0]), middle, x(r.Values[n-1]))
		for _, v := range r.Values {
			fmt.Fprintf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%g\" r=\"%g\"/>", class, x(v), middle, dotRadius)
			end = max(end, x(v))
		}
		end += dotRadius
	}
	fmt.Fprintf(b, "<text class=\"soft\" x=\"%.1f\" y=\"%g\">%s</text>\n", end+8, middle+4, html.EscapeString(r.Text))
}

// span is the least and the greatest value of the axis.
func (c *BarChart) span() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, r := range c.Bars {
		low, high = reach(low, high, r.Values)
	}
	if high == 0 {
		return 0.1, 1
	}
	if !c.Log {
		return 0, high
	}
	return math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(max(high, low*2))))
}

func (c *BarChart) ticks(low, high float64) (all []float64) {
	if c.Log {
		for v := low; v <= high*(1+thinnest); v *= 10 {
			all = append(all, v)
		}
		return all
	}
	step := niceStep(high / barsTicks)
	for v := 0.0; v <= high*(1+thinnest); v += step {
		all = append(all, v)
	}
	return all
}
