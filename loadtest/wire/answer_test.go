package wire

import "testing"

func TestJudge(t *testing.T) {
	j := NewJudge()
	f := func(msg string, want Outcome, id uint64, reason string) {
		t.Helper()
		v := j.Judge([]byte(msg))
		if v.Outcome != want || v.ID != id || v.HasID != (id > 0) || reason != "" && string(v.Reason) != reason {
			t.Errorf("%s: got %+v (%s)", msg, v, v.Reason)
		}
	}
	const result = `,"result":{"content":[]}}`
	f(MessagePrefix+"1000000001"+result, OutcomeResult, 1000000001, "") // read in full
	f(MessagePrefix+"1000000002"+result, OutcomeResult, 1000000002, "") // and by comparison
	f(MessagePrefix+"100000000x"+result, OutcomeBad, 0, "")
	f(MessagePrefix+"1000000003"+`,"result":{"content":{}]}`, OutcomeBad, 0, "") // as long, and broken
	f(`{"result":{},"id":7,"jsonrpc":"2.0"}`, OutcomeResult, 7, "")
	f(MessagePrefix+`"7"`+result, OutcomeBad, 0, "")
	f(MessagePrefix+"7"+`,"result":{"isError":true}}`, OutcomeToolError, 7, "")
	f(MessagePrefix+"7"+`,"error":{"code":-32603,"message":"m","data":{"reason":"queue_full"}}}`, OutcomeRefused, 7,
		"queue_full")
	f(MessagePrefix+"7"+`,"error":{"code":-32603,"message":"m"}}`, OutcomeError, 7, "m")
	f(MessagePrefix+"7"+`,"error":{"code":-32603,"message":"m","data":{"reason":"handler_timeout","executed":true}}}`,
		OutcomeError, 7, "handler_timeout")
	f(MessagePrefix+"null"+`,"error":{"code":-32603,"message":"m","data":{"reason":"x"}}}`, OutcomeRefused, 0, "x")
	f(`{"jsonrpc":"2.0","method":"notifications/message"}`, OutcomeNotice, 0, "")
	f(`{}`, OutcomeBad, 0, "")
}
