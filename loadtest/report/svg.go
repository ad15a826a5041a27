package report

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// chart is one plot over the time of a run, drawn as SVG. Lines are told apart by class (c1, c2, ...), whose colours
// the page's style sets, so that one drawing serves light and dark.
type chart struct {
	title  string
	unit   string
	format func(float64) string
	log    bool // of the values; what is 0 or less is left out
	times  []float64
	lines  []line
	bands  []band
	limit  float64 // a mark, drawn as a dashed line; 0: none
}

type line struct {
	name   string
	class  string
	values []float64
	area   bool
}

// band is a phase, told apart by a shade behind the lines.
type band struct {
	name     string
	from, to float64
}

const (
	chartWidth, chartHeight            = 640.0, 250.0
	chartLeft, chartRight              = 62.0, 12.0
	chartTop, chartBottom              = 22.0, 26.0
	maxTipColumns                      = 240
	plotWidth                          = chartWidth - chartLeft - chartRight
	plotHeight                         = chartHeight - chartTop - chartBottom
	gridLines                          = 5
	minBandLabel                       = 60.0 // px: narrower phases have no room for their name
	tickLabelOffset                    = 4.0
	smallestLog                        = 0.01
	headroom                           = 1.08
	thinnest                           = 1e-9
	timeTicks                          = 7
	labelHeight                        = 12.0
	tickTextGap, timeTextGap, textBase = 8.0, 17.0, 4.0
)

// draw appends the chart as a figure.
func (c *chart) draw(b *strings.Builder) {
	end := thinnest
	for _, t := range c.times {
		end = max(end, t)
	}
	low, high := c.span()
	x := func(t float64) float64 { return chartLeft + plotWidth*t/end }
	y := func(v float64) float64 {
		if c.log {
			return chartTop + plotHeight*(1-(math.Log10(max(v, low))-math.Log10(low))/(math.Log10(high)-math.Log10(low)))
		}
		return chartTop + plotHeight*(1-v/high)
	}
	fmt.Fprintf(b, `<figure><figcaption>%s <span class="unit">%s</span><span class="legend">`, html.EscapeString(c.title),
		html.EscapeString(c.unit))
	for _, l := range c.lines {
		fmt.Fprintf(b, `<span><i class="%s"></i>%s</span>`, l.class, html.EscapeString(l.name))
	}
	fmt.Fprintf(b, `</span></figcaption><svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight,
		html.EscapeString(c.title))
	for i, p := range c.bands {
		left, width := x(p.from), x(p.to)-x(p.from)
		fmt.Fprintf(b, `<rect class="band%d" x="%.1f" y="%g" width="%.1f" height="%g"/>`, i%2, left, chartTop, width,
			plotHeight)
		if width > minBandLabel {
			fmt.Fprintf(b, `<text class="phase" x="%.1f" y="%g">%s</text>`, left+tickLabelOffset, chartTop-tickTextGap,
				html.EscapeString(p.name))
		}
	}
	for _, v := range c.ticks(low, high) {
		fmt.Fprintf(b, `<path class="grid" d="M%g %.1fH%g"/><text class="tick" x="%g" y="%.1f" text-anchor="end">%s</text>`,
			chartLeft, y(v),
			chartWidth-chartRight, chartLeft-tickTextGap, y(v)+textBase, c.format(v))
	}
	step := niceStep(end / timeTicks)
	for t := 0.0; t <= end*(1+thinnest); t += step {
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="middle">%s s</text>`, x(t),
			chartTop+plotHeight+timeTextGap, strconv.FormatFloat(round(t, 3), 'f', -1, 64))
	}
	if c.limit > 0 && c.limit <= high {
		fmt.Fprintf(b, `<path class="limit" d="M%g %.1fH%g"/><text class="limit" x="%g" y="%.1f" text-anchor="end">`+
			`mark %s</text>`, chartLeft, y(c.limit),
			chartWidth-chartRight, chartWidth-chartRight-tickLabelOffset, y(c.limit)-tickLabelOffset, c.format(c.limit))
	}
	for _, l := range c.lines {
		c.drawLine(b, &l, x, y)
	}
	c.drawTips(b, x)
	b.WriteString("</svg></figure>\n")
}

func (c *chart) drawLine(b *strings.Builder, l *line, x, y func(float64) float64) {
	var path strings.Builder
	first, last := -1, -1
	for i, v := range l.values {
		if c.log && v <= 0 {
			last = -1 // nothing was answered in this step: the line has a gap
			continue
		}
		command := "L"
		if last != i-1 || first < 0 {
			command = "M"
		}
		if first < 0 {
			first = i
		}
		last = i
		fmt.Fprintf(&path, "%s%.1f %.1f", command, x(c.times[i]), y(v))
	}
	if first < 0 {
		return
	}
	if l.area && !c.log {
		fmt.Fprintf(b, `<path class="area %s" d="%sL%.1f %.1fL%.1f %.1fZ"/>`, l.class, path.String(),
			x(c.times[len(c.times)-1]), chartTop+plotHeight,
			x(c.times[first]), chartTop+plotHeight)
	}
	fmt.Fprintf(b, `<path class="line %s" d="%s"/>`, l.class, path.String())
}

// drawTips lays columns over the plot that say their figures when they are pointed at: no script is needed.
func (c *chart) drawTips(b *strings.Builder, x func(float64) float64) {
	step := len(c.times)/maxTipColumns + 1
	for i := 0; i < len(c.times); i += step {
		left := chartLeft
		if i > 0 {
			left = x(c.times[i-1])
		}
		right := x(c.times[min(i+step-1, len(c.times)-1)])
		fmt.Fprintf(b, `<g class="tip"><rect x="%.1f" y="%g" width="%.1f" height="%g"/><title>%s s`, left, chartTop,
			max(right-left, 1), plotHeight,
			strconv.FormatFloat(round(c.times[i], 2), 'f', -1, 64))
		for _, l := range c.lines {
			fmt.Fprintf(b, "\n%s: %s", html.EscapeString(l.name), c.format(l.values[i]))
		}
		b.WriteString("</title></g>")
	}
}

// span is the least and the greatest value that the plot shows.
func (c *chart) span() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, l := range c.lines {
		low, high = reach(low, high, l.values)
	}
	if !c.log {
		if high == 0 {
			high = 1
		}
		if c.limit > high/2 && c.limit < high*2 {
			high = max(high, c.limit) // a mark that is near belongs into the picture
		}
		return 0, high * headroom
	}
	if high == 0 {
		return smallestLog, 1
	}
	high = max(high, c.limit)
	low = math.Pow(10, math.Floor(math.Log10(max(low, smallestLog))))
	return low, math.Pow(10, math.Ceil(math.Log10(max(high, low*10))))
}

// reach is the span from low to high, widened to hold the values: down to the least above 0, where a logarithmic axis
// may begin.
func reach(low, high float64, values []float64) (least, most float64) {
	for _, v := range values {
		high = max(high, v)
		if v > 0 {
			low = min(low, v)
		}
	}
	return low, high
}

func (c *chart) ticks(low, high float64) []float64 {
	var all []float64
	if c.log {
		for v := low; v <= high*(1+thinnest); v *= 10 {
			all = append(all, v)
		}
		return all
	}
	step := niceStep(high / gridLines)
	for v := 0.0; v <= high; v += step {
		all = append(all, v)
	}
	return all
}

// niceStep is 1, 2 or 5 times a power of ten, about as large as v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(max(v, thinnest))))
	for _, n := range []float64{1, 2, 5} {
		if n*power >= v {
			return n * power
		}
	}
	return 10 * power
}

func round(v float64, digits int) float64 {
	power := math.Pow(10, float64(digits))
	return math.Round(v*power) / power
}
