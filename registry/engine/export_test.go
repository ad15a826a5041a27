package engine

import (
	"hash/maphash"
	"time"

	"weir/codec"
	"weir/registry/event"
	"weir/registry/fault"
	"weir/registry/feature"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/session"
	"weir/registry/task"
)

// What tests see of an engine besides.

func (eng *Engine) Opt() *Options                              { return &eng.opt }
func (eng *Engine) Seed() maphash.Seed                         { return eng.seed }
func (eng *Engine) Epoch() time.Time                           { return eng.epoch }
func (eng *Engine) Tools() *feature.Set[*handler.Tool]         { return eng.offer.Main().Tools }
func (eng *Engine) Prompts() *feature.Set[*handler.Prompt]     { return eng.offer.Main().Prompts }
func (eng *Engine) Resources() *feature.Set[*handler.Resource] { return eng.offer.Main().Resources }
func (eng *Engine) ResourceTemplates() *feature.Set[*handler.Template] {
	return eng.offer.Main().Templates
}
func (eng *Engine) SessionTable() *session.Table[*Call] { return eng.sessions }
func (eng *Engine) TaskTable() *task.Table              { return eng.tasks }
func (eng *Engine) Events() *event.Hub                  { return eng.events }
func (eng *Engine) Late() int64                         { return eng.m.TimedOut.Load() }
func (eng *Engine) ListChanged(list protocol.List) {
	eng.events.ListChanged(list)
	eng.listsChanged()
}
func (eng *Engine) ExpireTasks(at time.Duration) { eng.expireTasks(at) }

func (x *Exchange) Tool() *handler.Tool { return x.tool() }
func (x *Exchange) Fault() *codec.Error { return x.fault }

var (
	ErrInitializeInBatch = fault.InitializeInBatch
	ErrModernInBatch     = fault.ModernInBatch
	ErrNoTaskWorkers     = fault.NoTaskWorkers
	ServeCancelled       = serveCancelled
)

type TaskSource = taskSource
