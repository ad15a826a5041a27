package cmd

import "weir/codec/option"

// presets are what each name sets, key by key, as one would write it. docs/CONFIG.md shows the table;
// docs/decisions/0047 says how it fits together with what somebody sets and with the memory there is.
var presets = struct {
	names []string
	rows  []presetRow
}{
	names: []string{"safe", "10k", "25k", "100k"},
	rows: []presetRow{
		{"max_connections", []string{"200", "10000", "25000", "100000"}},
		{"soft_connections", []string{"150", "7500", "18750", "75000"}},
		{"max_waiting", []string{"10000", "100000", "250000", "500000"}},
		{"max_waiting_per_connection", []string{"1000", "10000", "10000", "10000"}},
		{"max_queue_bytes", []string{"32 MiB", "128 MiB", "128 MiB", "128 MiB"}},
		{"max_outbox_total_bytes", []string{"16 MiB", "64 MiB", "64 MiB", "64 MiB"}},
		{"max_input_total_bytes", []string{"16 MiB", "64 MiB", "64 MiB", "64 MiB"}},
		{"max_blocking_workers", []string{"256", "4096", "4096", "4096"}},
		{"max_connection_refusal_rate", []string{"100", "1000", "1000", "1000"}},
		{"mcp.max_sessions", []string{"2000", "100000", "100000", "400000"}},
		{"mcp.max_subscriptions", []string{"2000", "200000", "200000", "400000"}},
		{"mcp.max_tasks", []string{"1000", "10000", "10000", "10000"}},
	},
}

// presetRow is a key and its value in each preset.
type presetRow struct {
	key    string
	values []string
}

// applyPreset gives the keys of the preset their values, where neither file nor flag nor program has set them.
func (c *Config) applyPreset(places option.Places) {
	at := -1
	for i, name := range presets.names {
		if name == c.Preset {
			at = i
		}
	}
	if at < 0 {
		return
	}
	var unset Config
	option.SetDefaults(&unset)
	defaults, values := map[string]any{}, map[string]string{}
	option.Walk(&unset, func(f option.Field) { defaults[f.Key] = f.Value.Interface() })
	for _, row := range presets.rows {
		values[row.key] = row.values[at]
	}
	isSet := func(f option.Field) bool {
		_, written := places[f.Key]
		return written || f.Value.Interface() != defaults[f.Key]
	}
	option.Walk(c, func(f option.Field) {
		if f.Key == "max_connections" && isSet(f) {
			delete(values, "soft_connections") // it is three quarters of that
		}
	})
	option.Walk(c, func(f option.Field) {
		if value, has := values[f.Key]; has && !isSet(f) {
			if err := f.Set(value); err != nil {
				panic("preset " + c.Preset + ": " + f.Key + ": " + err.Error())
			}
		}
	})
}
