package cmd

import (
	"weir/codec/option"
	"weir/reactor/auth"
)

// reloadable are the keys that are read again while the server runs, beside those of alerts and the tokens' files.
// The other limits are read by loops and workers without a lock: an upgrade changes them.
func (c *Config) reloadable() map[string]bool {
	return map[string]bool{"log.level": true, "max_connections": true, "soft_connections": true,
		"max_connections_per_address": true, "max_connections_per_principal": true, "max_accept_rate": true}
}

// reload reads again what can be read again while the server runs: the tokens files; and of the configuration, if it
// has no mistake, the sections alerts and mounts, the limits of connections and the level of the log; and what
// traces and the audit log need. The process that this one takes over from does the same.
func (s *server) reload() {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if s.config.tokens != nil && !s.config.stdio {
		s.reloadTokens(tokensKey, s.config.Server.Auth.TokensFile, s.reactor.ReplaceTokens)
	}
	if s.admins.Load() != nil {
		s.reloadTokens(adminsKey, s.config.AdminTokensFile, s.admins.Store)
	}
	s.reloadConfig()
	s.observers.Reload()
	s.succession.Reloaded()
}

// reloadTokens reads the tokens file of a key again. One with mistakes changes nothing: who was let in still is.
func (s *server) reloadTokens(key, path string, use func(*auth.Tokens)) {
	tokens, mistakes := loadTokens(path, key, option.Place{})
	if err := mistakes.Err(); err != nil {
		s.log.Error().Err(err).Msg("tokens not reloaded, the former ones hold on")
		return
	}
	n := tokens.Len()
	use(tokens)
	s.log.Info().Str("key", key).Int("tokens", n).Msg("tokens reloaded")
}

// reloadConfig reads the configuration again. Of a file with mistakes nothing is taken; what changed and needs another
// process is named.
func (s *server) reloadConfig() {
	config, err := s.config.again()
	if err != nil {
		s.log.Error().Err(err).Msg("configuration not reloaded, the former one holds on")
		return
	}
	s.watch.replace(config.Alerts, config.webhookToken)
	if err := s.reactor.ReplaceMounts(config.mounts); err != nil {
		s.log.Error().Err(err).Msg("mounts not reloaded, the former ones hold on")
	}
	line := s.log.Info()
	others := s.config.differs(&config)
	if !s.config.stdio {
		others = append(others, s.reactor.ReplaceLimits(config.Queue)...)
		if config.Log.Level != s.config.Log.Level {
			s.config.Log.Level = config.Log.Level
			s.log.setLevel(config.Log.Level)
		}
	}
	if len(others) > 0 {
		line = s.log.Warn().Strs("changed_keys_that_need_a_restart", others)
	}
	line.Msg("configuration reloaded")
}
