package cmd

import (
	"os"

	"weir/cmd/memory"
	"weir/codec/option"
)

// The defaults are made for a process that stays below 512 MiB. Where it may have less, those that bound memory shrink
// with what there is, so that it refuses by name and is not killed. Where it may have more they stay as they are: how
// much is too much is not only a matter of memory. docs/decisions/0034 has the sums.
const (
	designedFor = int64(512 << 20)
	// smallest is what less than that is taken for. Even its budgets hold one message of the largest kind each.
	smallest = int64(16 << 20)
	// fixedBytes is what the process needs for itself, of which at most half is taken where there is little.
	fixedBytes = int64(32 << 20)
	// spareBytes, or an eighth if that is more, stay outside the collector's limit, for what Go does not see: the
	// kernel's side of the connections.
	spareBytes = int64(16 << 20)
	// connectionBytes bounds the number of connections where memory is short: at 512 MiB it would be 16,384. One that is
	// idle takes an eighth of this, most of it the kernel's.
	connectionBytes = int64(32 << 10)
)

// shares are the keys whose defaults shrink with the memory there is, each with what it does not shrink below.
var shares = map[string]int64{
	"max_queue_bytes":                 2 << 20,
	"max_outbox_total_bytes":          1 << 20,
	"max_input_total_bytes":           1 << 20,
	"mcp.max_event_store_total_bytes": 256 << 10,
	"mcp.max_client_request_bytes":    256 << 10,
	"mcp.max_subscription_bytes":      256 << 10,
	"mcp.max_task_total_bytes":        1 << 20,
	"max_blocking_workers":            64,
	"mcp.max_sessions":                1000,
	"mcp.max_subscriptions":           1000,
}

// budgets are what was made of the memory that there is.
type budgets struct {
	limit  memory.Limit
	shrunk map[string]any // the keys that got another default, with it
	beyond bool           // keys that somebody set allow more than there is
}

// fitMemory shrinks the defaults of all keys that nobody has set. It is called before the rules are held against the
// configuration.
func (c *Config) fitMemory(limit memory.Limit, places option.Places) {
	c.budgets = budgets{limit: limit, shrunk: map[string]any{}}
	if limit.Bytes <= 0 || limit.Bytes >= designedFor {
		return
	}
	bytes := max(limit.Bytes, smallest)
	left, designed := bytes-min(fixedBytes, bytes/2), designedFor-fixedBytes
	var unset Config
	option.SetDefaults(&unset)
	unset.Preset = c.Preset
	unset.applyPreset(nil)
	defaults := map[string]int64{}
	option.Walk(&unset, func(f option.Field) {
		if f.Value.CanInt() {
			defaults[f.Key] = f.Value.Int()
		}
	})
	shrink := func(f option.Field, value int64) {
		if _, set := places[f.Key]; set || f.Value.Int() != defaults[f.Key] {
			return
		}
		f.Value.SetInt(value)
		c.budgets.shrunk[f.Key] = value
	}
	option.Walk(c, func(f option.Field) {
		if least, has := shares[f.Key]; has {
			shrink(f, max(least, defaults[f.Key]*(left>>10)/(designed>>10)))
		}
	})
	option.Walk(c, func(f option.Field) {
		if f.Key == "alerts.memory_bytes" {
			shrink(f, defaults[f.Key]*(bytes>>10)/(designedFor>>10))
		}
	})
	// What somebody set goes before what there is: then the collector's limit cannot be below it.
	needed := c.largestBudgets()
	isSet := c.MemoryLimitBytes != defaults["memory_limit_bytes"]
	c.budgets.beyond = needed > bytes || isSet && c.MemoryLimitBytes > limit.Bytes
	option.Walk(c, func(f option.Field) {
		if f.Key == "memory_limit_bytes" {
			shrink(f, max(32<<20, needed, bytes-max(bytes/8, spareBytes)))
		}
	})
}

// largestBudgets is what may be held at once by queue, outboxes and unfinished input.
func (c *Config) largestBudgets() int64 {
	return int64(c.Queue.MaxQueueBytes) + int64(c.Server.MaxOutboxTotalBytes) + int64(c.Server.MaxInputTotalBytes)
}

// fitConnections bounds the number of connections that is derived from the limit on open files.
func (c *Config) fitConnections(openFiles uint64) {
	limit := c.budgets.limit.Bytes
	if limit <= 0 || limit >= designedFor {
		return
	}
	if c.Queue.MaxConnections != 0 {
		isPreset := c.Preset != "" && int64(c.Queue.MaxConnections) > max(limit, smallest)/connectionBytes
		c.budgets.beyond = c.budgets.beyond || isPreset
		return
	}
	fit := max(int(max(limit, smallest)/connectionBytes), c.Queue.SoftConnections)
	if fit < c.Queue.Resolve(openFiles).MaxConnections {
		c.Queue.MaxConnections = fit
		c.budgets.shrunk["max_connections"] = fit
	}
}

// sayMemory logs what the memory there is has changed.
func (s *server) sayMemory() {
	b := &s.config.budgets
	if len(b.shrunk) > 0 {
		s.log.Info().Int64("limit_bytes", b.limit.Bytes).Str("limit", b.limit.Source).Any("defaults", b.shrunk).
			Msg("defaults are smaller, for the memory that this process may have; keys that are set stay")
	}
	if b.beyond {
		s.log.Warn().Int64("limit_bytes", b.limit.Bytes).Str("limit", b.limit.Source).
			Msg("keys that are set allow more memory than this process may have: it may be killed")
	}
}

// machine is what the process may use of where it runs.
type machine struct {
	files  uint64
	memory memory.Limit
}

func thisMachine() machine { return machine{openFileLimit(), memory.Of(os.DirFS("/"))} }
