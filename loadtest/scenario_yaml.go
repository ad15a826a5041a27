package loadtest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"weir/loadtest/hostile"
)

// ScenarioError is every mistake of a scenario file, in the order of its lines.
type ScenarioError struct {
	File     string
	Mistakes []Mistake
}

// Mistake is one of them; Line and Column count from 1, and are 0 where there is no place.
type Mistake struct {
	Line, Column int
	Text         string
}

// Error returns one line per mistake.
func (e *ScenarioError) Error() string {
	var b strings.Builder
	for i, m := range e.Mistakes {
		if i > 0 {
			b.WriteByte('\n')
		}
		if m.Line > 0 {
			fmt.Fprintf(&b, "%s:%d:%d: %s", e.File, m.Line, m.Column, m.Text)
		} else {
			fmt.Fprintf(&b, "%s: %s", e.File, m.Text)
		}
	}
	return b.String()
}

// reader fills a scenario from a YAML document and goes on after each mistake.
type reader struct {
	mistakes []Mistake
	phasesAt []ast.Node
	marksAt  ast.Node
}

// ParseScenario reads a scenario; file is its name in messages. The error is a *ScenarioError.
func ParseScenario(file string, text []byte) (*Scenario, error) {
	r := &reader{}
	s := &Scenario{MaxConnecting: -1}
	doc, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	switch {
	case err != nil:
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			at := syntax.GetToken().Position
			r.mistakes = append(r.mistakes, Mistake{at.Line, at.Column, syntax.GetMessage()})
		} else {
			r.mistakes = append(r.mistakes, Mistake{Text: err.Error()})
		}
	case len(doc.Docs) != 1 || doc.Docs[0].Body == nil:
		r.mistakes = append(r.mistakes, Mistake{Text: "want one YAML document with name, question, phases and marks"})
	default:
		r.scenario(doc.Docs[0].Body, s)
	}
	if len(r.mistakes) > 0 {
		slices.SortStableFunc(r.mistakes, func(a, b Mistake) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, &ScenarioError{file, r.mistakes}
	}
	if s.MaxConnecting < 0 {
		s.MaxConnecting = defaultConnecting
	}
	return s, nil
}

func (r *reader) scenario(n ast.Node, s *Scenario) {
	r.section(n, "the scenario", []string{"name", "question", "phases", "marks"}, map[string]func(ast.Node){
		"name":           func(n ast.Node) { r.text(n, "name", &s.Name) },
		"question":       func(n ast.Node) { r.text(n, "question", &s.Question) },
		"needs":          func(n ast.Node) { r.word(n, "needs", &s.Needs, "streams") },
		"tool":           func(n ast.Node) { r.text(n, "tool", &s.Tool) },
		"arguments":      func(n ast.Node) { r.object(n, "arguments", &s.Arguments) },
		"window":         func(n ast.Node) { r.integer(n, "window", &s.Window, 1, maxWindow) },
		"pad_bytes":      func(n ast.Node) { r.bytes(n, "pad_bytes", &s.PadBytes, 4<<20) },
		"closed":         func(n ast.Node) { r.truth(n, "closed", &s.Closed) },
		"max_connecting": func(n ast.Node) { r.integer(n, "max_connecting", &s.MaxConnecting, 0, 1<<20) },
		"open_first":     func(n ast.Node) { r.truth(n, "open_first", &s.OpenFirst) },
		"capacity": func(n ast.Node) {
			s.Capacity = &Calibration{Connections: 20, Window: 1, Duration: 10 * time.Second}
			r.calibration(n, s.Capacity)
		},
		"phases":  func(n ast.Node) { r.phases(n, s) },
		"hostile": func(n ast.Node) { r.hostile(n, &s.Hostile) },
		"marks":   func(n ast.Node) { r.marksAt = n; r.marks(n, &s.Marks) },
	})
	for i := range s.Phases {
		p := &s.Phases[i]
		if p.Capacity > 0 && s.Capacity == nil {
			r.add(r.phasesAt[i], "phases[%d].capacity: the scenario has no capacity section, so nothing measures it", i)
		}
		if s.Closed && (p.Rate != Ramp{} || p.TotalRate > 0 || p.Capacity > 0) {
			r.add(r.phasesAt[i], "phases[%d]: a closed scenario has no rates: each connection calls as fast as it is answered",
				i)
		}
	}
	if s.Marks.Goodput != nil && s.Capacity == nil {
		r.add(r.marksAt, "marks.goodput: the scenario has no capacity section to compare with")
	}
}

func (r *reader) phases(n ast.Node, s *Scenario) {
	list, ok := n.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 || len(list.Values) > maxPhases {
		r.add(n, "phases: want a list of 1 to %d phases", maxPhases)
		return
	}
	for i, one := range list.Values {
		p := Phase{Judged: true}
		at := fmt.Sprintf("phases[%d]", i)
		rates := 0
		r.section(one, at, []string{"name", "duration", "connections"}, map[string]func(ast.Node){
			"name":        func(n ast.Node) { r.text(n, at+".name", &p.Name) },
			"duration":    func(n ast.Node) { r.duration(n, at+".duration", &p.Duration, minPhaseDuration, maxPhaseDuration) },
			"connections": func(n ast.Node) { r.ramp(n, at+".connections", &p.Connections, maxConnections) },
			"rate":        func(n ast.Node) { rates++; r.ramp(n, at+".rate", &p.Rate, maxRate) },
			"total_rate":  func(n ast.Node) { rates++; r.number(n, at+".total_rate", &p.TotalRate, 0, 100*maxRate) },
			"capacity":    func(n ast.Node) { rates++; r.number(n, at+".capacity", &p.Capacity, 0, 1000) },
			"streams":     func(n ast.Node) { r.integer(n, at+".streams", &p.Streams, 0, maxConnections) },
			"judged":      func(n ast.Node) { r.truth(n, at+".judged", &p.Judged) },
			"overload":    func(n ast.Node) { r.truth(n, at+".overload", &p.Overload) },
			"recovery":    func(n ast.Node) { r.truth(n, at+".recovery", &p.Recovery) },
		})
		if rates > 1 {
			r.add(one, "%s: has more than one of rate, total_rate and capacity", at)
		}
		s.Phases, r.phasesAt = append(s.Phases, p), append(r.phasesAt, one)
	}
}

func (r *reader) calibration(n ast.Node, c *Calibration) {
	r.section(n, "capacity", nil, map[string]func(ast.Node){
		"connections": func(n ast.Node) { r.integer(n, "capacity.connections", &c.Connections, 1, 10_000) },
		"window":      func(n ast.Node) { r.integer(n, "capacity.window", &c.Window, 1, maxWindow) },
		"duration":    func(n ast.Node) { r.duration(n, "capacity.duration", &c.Duration, minPhaseDuration, time.Hour) },
	})
}

func (r *reader) hostile(n ast.Node, h *hostile.Clients) {
	keys := map[string]func(ast.Node){}
	for _, k := range hostile.Kinds {
		keys[k.Name] = func(n ast.Node) { r.integer(n, "hostile."+k.Name, k.Count(h), 0, maxHostile) }
	}
	r.section(n, "hostile", nil, keys)
}

func (r *reader) marks(n ast.Node, m *Marks) {
	share := func(key string, to **float64) func(ast.Node) {
		return func(n ast.Node) { *to = new(float64); r.number(n, "marks."+key, *to, 0, 1) }
	}
	limit := func(key string, to **time.Duration) func(ast.Node) {
		return func(n ast.Node) {
			*to = new(time.Duration)
			r.duration(n, "marks."+key, *to, time.Microsecond, time.Hour)
		}
	}
	whole := func(key string, to **int64) func(ast.Node) {
		return func(n ast.Node) {
			var v int
			if strings.HasSuffix(key, "_bytes") {
				r.bytes(n, "marks."+key, &v, 1<<50)
			} else {
				r.integer(n, "marks."+key, &v, 0, 1<<50)
			}
			w := int64(v)
			*to = &w
		}
	}
	r.section(n, "marks", nil, map[string]func(ast.Node){
		"p95": limit("p95", &m.P95), "p99": limit("p99", &m.P99), "recovery": limit("recovery", &m.Recovery),
		"error_rate": share("error_rate", &m.ErrorRate), "refusal_rate": share("refusal_rate", &m.RefusalRate),
		"connect_success": share("connect_success", &m.ConnectSuccess), "served": share("served", &m.Served),
		"streams": share("streams", &m.Streams), "goodput": share("goodput", &m.Goodput),
		"memory_growth": share("memory_growth", &m.MemoryGrowth), "hostile_ended": share("hostile_ended", &m.HostileEnded),
		"memory_bytes":   whole("memory_bytes", &m.MemoryBytes),
		"queue_messages": whole("queue_messages", &m.QueueMessages), "lost": whole("lost", &m.Lost),
		"unexplained": whole("unexplained", &m.Unexplained),
	})
}

// section calls the function of each key of a mapping, and says which keys are unknown, twice there or missing.
func (r *reader) section(n ast.Node, what string, required []string, keys map[string]func(ast.Node)) {
	mapping, ok := n.(ast.MapNode)
	if !ok {
		r.add(n, "%s: found %s, want a section of keys", what, foundIn(n))
		return
	}
	seen := map[string]bool{}
	for entries := mapping.MapRange(); entries.Next(); {
		entry := entries.KeyValue()
		key := entry.Key.GetToken().Value
		set, known := keys[key]
		switch {
		case !known:
			var names []string
			for name := range keys {
				names = append(names, name)
			}
			slices.Sort(names)
			r.add(entry.Key, "%s: unknown key %q; known are %s", what, key, strings.Join(names, ", "))
		case seen[key]:
			r.add(entry.Key, "%s: %s is set twice", what, key)
		default:
			set(entry.Value)
		}
		seen[key] = true
	}
	for _, key := range required {
		if !seen[key] {
			r.add(n, "%s: %s is missing", what, key)
		}
	}
}

func (r *reader) add(n ast.Node, format string, args ...any) {
	m := Mistake{Text: fmt.Sprintf(format, args...)}
	if mapping, ok := n.(ast.MapNode); ok { // its token is the first colon; a reader looks for the first key
		if first := mapping.MapRange(); first.Next() {
			n = first.Key()
		}
	}
	if token := n.GetToken(); token != nil && token.Position != nil {
		m.Line, m.Column = token.Position.Line, token.Position.Column
	}
	r.mistakes = append(r.mistakes, m)
}

func foundIn(n ast.Node) string {
	const longest = 40
	switch found := n.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode:
		return strconv.Quote(found.Value[:min(len(found.Value), longest)])
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section of keys"
	case *ast.SequenceNode:
		return "a list"
	}
	value := n.GetToken().Value
	return value[:min(len(value), longest)]
}

func (r *reader) text(n ast.Node, key string, to *string) {
	text, ok := n.(*ast.StringNode)
	if !ok || text.Value == "" {
		r.add(n, "%s: found %s, want text", key, foundIn(n))
		return
	}
	*to = text.Value
}

func (r *reader) word(n ast.Node, key string, to *string, allowed ...string) {
	if text, ok := n.(*ast.StringNode); ok && slices.Contains(allowed, text.Value) {
		*to = text.Value
		return
	}
	r.add(n, "%s: found %s, want %s", key, foundIn(n), strings.Join(allowed, " or "))
}

func (r *reader) object(n ast.Node, key string, to *string) {
	text, ok := n.(*ast.StringNode)
	if !ok || !IsObject(text.Value) {
		r.add(n, "%s: found %s, want a JSON object in quotes, such as '{\"ms\": 5}'", key, foundIn(n))
		return
	}
	*to = text.Value
}

// IsObject says whether text is a JSON object.
func IsObject(text string) bool {
	var object map[string]any
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}

func (r *reader) truth(n ast.Node, key string, to *bool) {
	value, ok := n.(*ast.BoolNode)
	if !ok {
		r.add(n, "%s: found %s, want true or false", key, foundIn(n))
		return
	}
	*to = value.Value
}

// figure reads any number that YAML writes; underscores are allowed.
func figure(n ast.Node) (float64, bool) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		v, err := strconv.ParseFloat(strings.ReplaceAll(n.GetToken().Value, "_", ""), 64)
		return v, err == nil
	}
	return 0, false
}

func (r *reader) number(n ast.Node, key string, to *float64, low, high float64) {
	v, ok := figure(n)
	if !ok || v < low || v > high {
		r.add(n, "%s: found %s, want a number from %v to %v", key, foundIn(n), plainNumber(low), plainNumber(high))
		return
	}
	*to = v
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func (r *reader) integer(n ast.Node, key string, to *int, low, high int) {
	v, ok := figure(n)
	if !ok || v != float64(int64(v)) || v < float64(low) || v > float64(high) {
		r.add(n, "%s: found %s, want a whole number from %d to %d", key, foundIn(n), low, high)
		return
	}
	*to = int(v)
}

func (r *reader) bytes(n ast.Node, key string, to *int, high int) {
	if text, ok := n.(*ast.StringNode); ok {
		for unit, shift := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
			digits, has := strings.CutSuffix(text.Value, unit)
			v, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
			if has && err == nil && v >= 0 && v<<shift <= int64(high) {
				*to = int(v << shift)
				return
			}
		}
	} else if v, ok := figure(n); ok && v >= 0 && v <= float64(high) && v == float64(int64(v)) {
		*to = int(v)
		return
	}
	r.add(n, "%s: found %s, want a number of bytes up to %d, such as 65536 or 64KiB", key, foundIn(n), high)
}

func (r *reader) duration(n ast.Node, key string, to *time.Duration, low, high time.Duration) {
	if text, ok := n.(*ast.StringNode); ok {
		if v, err := time.ParseDuration(text.Value); err == nil && v >= low && v <= high {
			*to = v
			return
		}
	}
	r.add(n, "%s: found %s, want a time from %v to %v, such as 500ms, 30s or 5m", key, foundIn(n), low, high)
}

// ramp reads a number, or {from: A, to: B}.
func (r *reader) ramp(n ast.Node, key string, to *Ramp, high float64) {
	if _, ok := n.(ast.MapNode); !ok {
		var v float64
		r.number(n, key, &v, 0, high)
		*to = Ramp{v, v}
		return
	}
	r.section(n, key, []string{"from", "to"}, map[string]func(ast.Node){
		"from": func(n ast.Node) { r.number(n, key+".from", &to.From, 0, high) },
		"to":   func(n ast.Node) { r.number(n, key+".to", &to.To, 0, high) },
	})
}
