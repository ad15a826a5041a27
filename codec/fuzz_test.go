package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzScan asks two judges. encoding/json decides about grammar; jsontext, which is as strict as we are, decides about
// UTF-8 and duplicates. What was accepted is then read again by encoding/json, which must find the same members.
func FuzzScan(f *testing.F) {
	for _, m := range benchMessages[:2] {
		f.Add(m.raw)
	}
	for i := 0; i < len(vectors); i += 8 {
		if v := vectors[i]; len(v.text) < 200 {
			f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":` + v.text + `}}`))
		}
	}
	lim := JSONLimits{MaxDepth: 1000, MaxMembers: 1 << 20, MaxIDBytes: 128}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		var e, p Envelope
		err := Scan(raw, &e, &lim)
		Peek(raw, &p)
		if !bytes.Equal(raw, before) {
			t.Fatal("the message was changed")
		}
		message := raw[messageStart(raw):]
		strict := jsontext.Value(message).IsValid()
		if err != nil {
			if e.Kind != KindInvalid {
				t.Fatalf("an error and a %s", e.Kind)
			}
			bomb := bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) > lim.MaxDepth
			if strict && !bomb && (isParseError(err) || strings.Contains(err.Error(), "duplicate")) {
				t.Fatalf("valid for jsontext, refused: %v", err)
			}
			if e.ID.Present() && !json.Valid(e.ID.Of(raw)) {
				t.Fatalf("id %q", e.ID.Of(raw))
			}
			return
		}
		if !strict || !json.Valid(message) {
			t.Fatalf("accepted: valid for jsontext %v, for encoding/json %v", strict, json.Valid(message))
		}
		checkMembers(t, raw, message, &e, &lim)
		if len(raw) <= peekBytes && (p.Kind != e.Kind || p.ID != e.ID || p.Method != e.Method || p.Name != e.Name) {
			t.Fatalf("Peek found %+v, Scan %+v", p, e)
		}
	})
}

// checkMembers compares what Scan and Member found with what encoding/json finds.
func checkMembers(t *testing.T, raw, message []byte, e *Envelope, lim *JSONLimits) {
	at := func(object []byte, key string) []byte {
		var m map[string]json.RawMessage
		if json.Unmarshal(object, &m) != nil {
			return nil
		}
		if got := Member(object, key); !bytes.Equal(got, m[key]) {
			t.Fatalf("Member(%q, %q) is %q, want %q", object, key, got, m[key])
		}
		return m[key]
	}
	given := func(object []byte, key string) []byte { // null is absent
		if value := at(object, key); string(value) != "null" {
			return value
		}
		return nil
	}
	params := given(message, "params")
	recalled := given(params, "requestId")
	if len(recalled) > lim.MaxIDBytes+len(`""`) {
		recalled = nil
	}
	meta := given(params, "_meta")
	id := at(message, "id")
	if string(id) == "null" {
		id = nil // an error response without id
	}
	for _, row := range []struct {
		name string
		got  Span
		want []byte
	}{
		{"id", e.ID, id},
		{"method", e.Method, at(message, "method")},
		{"params", e.Params, params},
		{"result", e.Result, at(message, "result")},
		{"error", e.Error, at(message, "error")},
		{"name", e.Name, at(params, "name")},
		{"uri", e.URI, at(params, "uri")},
		{"arguments", e.Arguments, given(params, "arguments")},
		{"cursor", e.Cursor, given(params, "cursor")},
		{"requestId", e.RequestID, recalled},
		{"taskId", e.TaskID, at(params, "taskId")},
		{"notifications", e.Notifications, at(params, "notifications")},
		{"inputResponses", e.InputResponses, given(params, "inputResponses")},
		{"requestState", e.RequestState, given(params, "requestState")},
		{"_meta", e.Meta, meta},
		{"protocolVersion", e.ProtocolVersion, at(meta, "io.modelcontextprotocol/protocolVersion")},
		{"clientCapabilities", e.ClientCapabilities, at(meta, "io.modelcontextprotocol/clientCapabilities")},
		{"progressToken", e.ProgressToken, given(meta, "progressToken")},
		{"logLevel", e.LogLevel, given(meta, "io.modelcontextprotocol/logLevel")},
	} {
		if !bytes.Equal(row.got.Of(raw), row.want) {
			t.Fatalf("%s is %q, want %q", row.name, row.got.Of(raw), row.want)
		}
	}
	if e.Method.Present() {
		var want string
		got, ok := StringOf(e.Method.Of(raw))
		if err := json.Unmarshal(e.Method.Of(raw), &want); err != nil || !ok || string(got) != want {
			t.Fatalf("method %q, want %q (%v)", got, want, err)
		}
	}
	if (e.Kind == KindRequest) != (e.Method.Present() && e.ID.Present()) ||
		(e.Kind == KindResponse) == e.Method.Present() {
		t.Fatalf("kind %s", e.Kind)
	}
}

// FuzzLine cuts a stream into pieces of the sizes that cuts names and compares with the model; a limit ends both.
func FuzzLine(f *testing.F) {
	f.Add([]byte("{}\n[1]\r\n\n\r\nx"), []byte{1, 2, 3}, uint8(10))
	f.Add([]byte("0123456789\r\n01234567890\n"), []byte{11, 1}, uint8(10))
	f.Fuzz(func(t *testing.T, stream, cuts []byte, max uint8) {
		var pieces [][]byte
		rest := stream
		for _, c := range cuts {
			n := min(int(c), len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		pieces = append(pieces, rest)
		lines, left, err := feedLines(pieces, int(max))
		want, wantLeft := cutLines(stream)
		tooLong, broken := 0, false // how many messages come before a line that is too long, be it blank
		for line := range bytes.Lines(stream[:len(stream)-wantLeft]) {
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			if broken = len(line) > int(max); broken {
				break
			}
			if !blank(string(line)) {
				tooLong++
			}
		}
		tail := bytes.TrimSuffix(stream[len(stream)-wantLeft:], []byte("\r"))
		if broken = broken || len(tail) > int(max); broken != errors.Is(err, ErrMessageTooLarge) {
			t.Fatalf("err %v, want one: %v", err, broken)
		}
		if strings.Join(lines, "\n") != strings.Join(want[:tooLong], "\n") || err == nil && left != wantLeft {
			t.Fatalf("lines %q rest %d, want %q rest %d", lines, left, want[:tooLong], wantLeft)
		}
	})
}

// FuzzNextElement: an array that is valid JSON gives the elements encoding/json finds; and if every element is valid
// and the walk ends well, the whole is valid, so that checking the elements is checking the batch.
func FuzzNextElement(f *testing.F) {
	f.Add([]byte(`[{"jsonrpc":"2.0","method":"m"}, 1,"]",[[],{}] ]`))
	f.Add([]byte(`[{]},"\"",tru]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		elems, err := walkBatch(raw)
		if err == nil {
			all := true
			for _, e := range elems {
				all = all && json.Valid([]byte(e))
			}
			if all && !json.Valid(raw) {
				t.Fatalf("elements %q are valid, the batch is not", elems)
			}
		}
		var want []json.RawMessage
		if !IsBatch(raw) || json.Unmarshal(raw, &want) != nil {
			return
		}
		if err != nil || len(elems) != len(want) {
			t.Fatalf("%d elements, err %v, want %d", len(elems), err, len(want))
		}
		for i := range want {
			if elems[i] != string(want[i]) {
				t.Fatalf("element %d is %q, want %q", i, elems[i], want[i])
			}
		}
	})
}

// FuzzAppendQuoted: any bytes become one line of JSON that reads as the same text.
func FuzzAppendQuoted(f *testing.F) {
	f.Add("plain \"quoted\" \\ \n\r\t\x00\x7f é € 𝄞 \u2028 \xff\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		if wrong := checkQuoted(s); wrong != "" {
			t.Fatalf("%q: %s", s, wrong)
		}
	})
}
