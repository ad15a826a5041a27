package loadtest

import "testing"

func TestJudge(t *testing.T) {
	j := newJudge()
	f := func(msg string, want outcome, id uint64, reason string) {
		t.Helper()
		v := j.judge([]byte(msg))
		if v.outcome != want || v.id != id || v.hasID != (id > 0) || reason != "" && string(v.reason) != reason {
			t.Errorf("%s: got %+v (%s)", msg, v, v.reason)
		}
	}
	const result = `,"result":{"content":[]}}`
	f(messagePrefix+"1000000001"+result, outcomeResult, 1000000001, "") // read in full
	f(messagePrefix+"1000000002"+result, outcomeResult, 1000000002, "") // and by comparison
	f(messagePrefix+"100000000x"+result, outcomeBad, 0, "")
	f(messagePrefix+"1000000003"+`,"result":{"content":{}]}`, outcomeBad, 0, "") // as long, and broken
	f(`{"result":{},"id":7,"jsonrpc":"2.0"}`, outcomeResult, 7, "")
	f(messagePrefix+`"7"`+result, outcomeBad, 0, "")
	f(messagePrefix+"7"+`,"result":{"isError":true}}`, outcomeToolError, 7, "")
	f(messagePrefix+"7"+`,"error":{"code":-32603,"message":"m","data":{"reason":"queue_full"}}}`, outcomeRefused, 7, "queue_full")
	f(messagePrefix+"7"+`,"error":{"code":-32603,"message":"m"}}`, outcomeError, 7, "m")
	f(messagePrefix+"null"+`,"error":{"code":-32603,"message":"m","data":{"reason":"x"}}}`, outcomeRefused, 0, "x")
	f(`{"jsonrpc":"2.0","method":"notifications/message"}`, outcomeNotice, 0, "")
	f(`{}`, outcomeBad, 0, "")
}
