package exposition

// Sections are the series of a server, in the order of docs/METRICS.md, whose tables are made from them.
var Sections = []Section{
	{"Connections", []Family{
		{"weir_connections", Gauge, "", "open connections"},
		{"weir_connections_peak", Gauge, "", "the most that were open at once since the start"},
		{"weir_connections_limit", Gauge, "",
			"the bound of weir_connections, `max_connections`: the next connection is refused"},
		{"weir_connections_soft_limit", Gauge, "",
			"the bound that weir_connections_soft_exceeded tells of, `soft_connections`"},
		{"weir_connections_soft_exceeded", Gauge, "",
			"1 while the soft limit of connections is exceeded (clears a twentieth below it)"},
		{"weir_connections_accepted_total", Counter, "", "connections opened"},
		{"weir_transport_connections", Gauge, "transport",
			"open connections by what they speak: `http`, `websocket`, `http_sse`, `tcp`, `unix`, `stdio`"},
		{"weir_connections_accept_rate", Gauge, "", "connections opened in the last full second"},
		{"weir_connections_closed_total", Counter, "reason", "connections ended"},
		{"weir_predecessor_connections", Gauge, "",
			"connections of the process that this one was started by for an upgrade, while that drains; they count for " +
				"`max_connections`"},
		{"weir_answers_cut_total", Counter, "reason",
			"connections that ended before what was written for them had left, by the reason of their end"},
		{"weir_answers_cut_bytes_total", Counter, "", "bytes that were written for such connections and never left"},
		{"weir_accept_errors_total", Counter, "", "connections that were gone before they were accepted"},
		{"weir_out_of_descriptors_total", Counter, "", "times that no descriptor was free for a waiting connection"},
		{"weir_tokens", Gauge, "", "tokens in force, those that have expired included; 0 when anybody is served"},
		{"weir_tokens_refused_total", Counter, "reason",
			"requests and connections without a good token: `token_missing`, `token_unknown`, `token_expired`, " +
				"`token_changed` (another one than that of unanswered requests before it)"},
	}},
	{"Messages and loops", []Family{
		{"weir_messages_received_total", Counter, "", "messages decoded"},
		{"weir_connections_held_back_total", Counter, "",
			"times that a connection was not read for a while, because it was refused far more often than served"},
		{"weir_messages_inline_total", Counter, "", "of the messages decoded, those answered on the loop"},
		{"weir_messages_dropped_total", Counter, "reason",
			"messages accepted and never answered: `cancelled` by the peer, or `disconnected` while waiting"},
		{"weir_refusals_total", Counter, "reason", "messages and connections refused"},
		{"weir_loops", Gauge, "", "event loops"},
		{"weir_loop_connections", Gauge, "loop", "connections of each loop"},
		{"weir_loop_busy_seconds_total", Counter, "loop",
			"time that each loop spent in its turns: its rate is how busy it is"},
		{"weir_loop_turns_total", Counter, "", "turns of all loops: a turn handles what one epoll_wait reported"},
		{"weir_reads_total", Counter, "", "reads from sockets"},
		{"weir_read_bytes_total", Counter, "", "bytes read from sockets"},
		{"weir_input_bytes", Gauge, "", "bytes of unfinished messages of all connections"},
		{"weir_input_limit_bytes", Gauge, "", "the bound of weir_input_bytes, `max_input_total_bytes`"},
		{"weir_outbox_bytes", Gauge, "", "room of answers that wait for peers to read, for their turn or for the others of " +
			"their batch, of all connections"},
		{"weir_answers_refused_total", Counter, "reason",
			"answers replaced by an error before they began: no room for them (`outbox_total_bytes`)"},
		{"weir_outbox_limit_bytes", Gauge, "", "the bound of weir_outbox_bytes, `max_outbox_total_bytes`"},
		{"weir_streams_opened_total", Counter, "", "responses that became an event stream"},
		{"weir_notifications_dropped_total", Counter, "reason",
			"messages ahead of an answer that were dropped: `outbox_full`, the peer does not read"},
		{"weir_outbox_full_total", Counter, "",
			"times that a connection was paused because it does not read its answers"},
	}},
	{"Queue and workers", []Family{
		{"weir_queue_waiting_messages", Gauge, "", "messages that wait for a worker"},
		{"weir_queue_waiting_limit_messages", Gauge, "", "the bound of weir_queue_waiting_messages, `max_waiting`"},
		{"weir_queue_waiting_peak_messages", Gauge, "", "the most messages that waited at once since the start"},
		{"weir_queue_waiting_bytes", Gauge, "", "bytes of messages that wait for a worker"},
		{"weir_queue_bytes", Gauge, "", "bytes of messages that wait or run"},
		{"weir_queue_limit_bytes", Gauge, "", "the bound of weir_queue_bytes, `max_queue_bytes`"},
		{"weir_queue_peak_bytes", Gauge, "", "the most bytes of messages that waited or ran at once since the start"},
		{"weir_queue_pressure", Gauge, "", "1 while new connections are refused because the queue is too full"},
		{"weir_queue_overloaded", Gauge, "",
			"1 for `overload_after` after a message was refused for its expected wait; and from when no compute " +
				"worker has paused for as long until as long after the last that was late"},
		{"weir_queue_expected_wait_seconds", Gauge, "",
			"how long a message of class compute would wait that came now, if lanes took no turns"},
		{"weir_queue_expected_wait_limit_seconds", Gauge, "",
			"the bound of weir_queue_expected_wait_seconds, `max_expected_wait`: who would wait longer is refused"},
		{"weir_queue_work_rate", Gauge, "",
			"seconds of work of class compute that are done in a second, as measured while no worker paused"},
		{"weir_emergency_stop", Gauge, "",
			"1 while calls of the lowest class are refused because too many calls fail (`alerts.stop_error_rate`)"},
		{"weir_pressure", Gauge, "of",
			"what the process has, as a part of what there is: `memory`, `descriptors` (beside those of connections), " +
				"`scheduling` (p99 of `pressure.max_scheduling_latency`), `queue` (p99 of `pressure.max_queue_age`)"},
		{"weir_pressure_level", Gauge, "",
			"what gives way for it: 0 nothing, 1 idle connections sooner, 2 HTTP connections after their answer, 3 calls, " +
				"4 newcomers and the largest buffers"},
		{"weir_queue_executing_messages", Gauge, "class", "messages with workers, of class `compute` or `blocking`"},
		{"weir_queue_wait_seconds", Histogram, "class", "how long the oldest message of each batch had waited"},
		{"weir_queue_batch_messages", Histogram, "class", "messages per batch that a worker took"},
		{"weir_workers", Gauge, "class", "worker goroutines that exist"},
		{"weir_workers_busy", Gauge, "class", "worker goroutines that run something"},
		{"weir_workers_idle_beside_work_total", Counter, "",
			"times that a compute worker slept for more than 10 ms beside a message that it could have run"},
		{"weir_worker_panics_total", Counter, "",
			"panics that reached a worker and not its message: a mistake in Weir"},
	}},
	{"Requests, tools, sessions", []Family{
		{"weir_messages_dispatched_total", Counter, "method",
			"messages dispatched; `unserved` stands for what no method served, `ignored` for unknown " +
				"notifications"},
		{"weir_tool_calls_total", Counter, "tool, outcome",
			"finished calls: `ok`, `tool_error` (a result with isError), `error`, `cancelled`, `panic`, " +
				"`handler_timeout`, `client_error` (the request or its client is at fault), `refused` (a limit on " +
				"client requests)"},
		{"weir_tool_duration_seconds", Histogram, "tool",
			"time of a tool's handler; of a sample of the calls, so take rates from weir_tool_calls_total"},
		{"weir_call_duration_seconds", Histogram, "class",
			"time of a tool's call from its admission to the end of its handler; of a sample of the calls, of all tools " +
				"of a class"},
		{"weir_handler_calls_total", Counter, "method, outcome",
			"finished calls of handlers that are no tool's (`resources/read`, `prompts/get`, " +
				"`completion/complete`); outcomes as of tools"},
		{"weir_handler_duration_seconds", Histogram, "method",
			"time of a handler that is no tool's; of a sample of the calls, as with tools"},
		{"weir_handlers_timed_out", Gauge, "",
			"handlers, of tools too, that still run although their calls were ended at `handler_timeout`"},
		{"weir_sessions", Gauge, "", "HTTP sessions (revisions up to 2025-11-25) that exist"},
		{"weir_sessions_ended_total", Counter, "reason",
			"sessions ended: `deleted` by the client, `session_idle_timeout`, `session_expired` " +
				"(`max_session_age`)"},
		{"weir_sessions_refused_total", Counter, "", "initialize requests refused because `max_sessions` exist"},
		{"weir_session_streams", Gauge, "", "sessions whose stream (GET) is open"},
		{"weir_http_sse_sessions", Gauge, "", "sessions of the HTTP+SSE transport of 2024-11-05 (`http_sse_path`)"},
		{"weir_stream_resumes_total", Counter, "outcome",
			"requests with `Last-Event-ID`: `resumed`, `events_purged` (what followed is not kept any more), " +
				"`unknown_event` (the session never sent it)"},
		{"weir_event_store_refused_total", Counter, "reason",
			"events that were not kept for resuming: longer than the session's room (`event_store_bytes`), no " +
				"room in all (`event_store_total_bytes`)"},
		{"weir_event_store_bytes", Gauge, "", "bytes of events kept so that sessions can resume their streams"},
		{"weir_event_store_limit_bytes", Gauge, "",
			"the bound of weir_event_store_bytes, `max_event_store_total_bytes`"},
		{"weir_subscriptions", Gauge, "",
			"resources that clients subscribed to, and open subscriptions/listen requests"},
		{"weir_subscriptions_limit", Gauge, "", "the bound of weir_subscriptions, `max_subscriptions`"},
		{"weir_subscriptions_refused_total", Counter, "reason",
			"subscriptions refused: `subscription_limit_per_client` (`max_subscriptions_per_client`), " +
				"`subscription_limit` (`max_subscriptions`), `subscription_bytes` (`max_subscription_bytes`), " +
				"`listen_bytes` (`max_listen_bytes`)"},
		{"weir_subscription_bytes", Gauge, "", "bytes of subscriptions and open listens, with their bookkeeping"},
		{"weir_subscription_limit_bytes", Gauge, "", "the bound of weir_subscription_bytes, `max_subscription_bytes`"},
		{"weir_input_required_total", Counter, "", "results that asked the client for input"},
		{"weir_request_state_refused_total", Counter, "reason",
			"requests whose requestState was not taken: `state_tampered` (changed, or of another principal, " +
				"request or server), `state_expired` (`state_ttl`)"},
		{"weir_client_requests", Gauge, "",
			"requests to legacy clients (sampling, elicitation, roots) that wait for their answers; their calls " +
				"are suspended"},
		{"weir_client_requests_limit", Gauge, "", "the bound of weir_client_requests, `max_client_requests`"},
		{"weir_client_request_bytes", Gauge, "",
			"bytes of the messages of suspended calls, and of answers to calls that wait for more"},
		{"weir_client_request_limit_bytes", Gauge, "",
			"the bound of weir_client_request_bytes, `max_client_request_bytes`"},
		{"weir_client_requests_ended_total", Counter, "reason",
			"client requests ended: `answered`, `error` (or an answer that is none), `client_request_timeout`, " +
				"`cancelled` (the call was, or the client is gone), `draining`, `task_ended` (the task that sent it " +
				"ended meanwhile)"},
		{"weir_client_requests_refused_total", Counter, "reason",
			"calls that could not send a client request: `client_request_limit_per_client` " +
				"(`max_client_requests_per_client`), `client_request_limit` (`max_client_requests`), " +
				"`client_request_bytes` (`max_client_request_bytes`), `no_stream` (the client takes no messages " +
				"ahead of the answer)"},
		{"weir_tasks", Gauge, "", "tasks that exist, ended ones until their time is up too"},
		{"weir_tasks_limit", Gauge, "", "the bound of weir_tasks, `max_tasks`"},
		{"weir_task_bytes", Gauge, "",
			"bytes that tasks keep: requests, client requests, results, and 2048 of its own each"},
		{"weir_task_limit_bytes", Gauge, "", "the bound of weir_task_bytes, `max_task_total_bytes`"},
		{"weir_task_waits", Gauge, "", "`tasks/result` requests (2025-11-25) that wait for their tasks, suspended"},
		{"weir_task_waits_limit", Gauge, "", "the bound of weir_task_waits, `max_task_waits`"},
		{"weir_tasks_created_total", Counter, "", "calls that became tasks"},
		{"weir_tasks_ended_total", Counter, "reason",
			"how tasks ended: `completed`, `failed`, `cancelled` (`tasks/cancel`), `task_expired` (`task_ttl`, " +
				"or what the client asked for), `task_bytes` (something to keep was too large), `draining` (the " +
				"server stopped)"},
		{"weir_tasks_refused_total", Counter, "reason",
			"calls that could not become tasks, and answers to tasks that were too much (`task_bytes`): " +
				"`task_limit` (`max_tasks`), `task_limit_per_client` (`max_tasks_per_client`), `task_bytes` " +
				"(`max_task_bytes`, `max_task_total_bytes`); and `task_wait_limit`, `tasks/result` requests that " +
				"could not wait (`max_task_waits`, `max_task_waits_per_task`)"},
	}},
	{"Alerts", []Family{
		{"weir_alert_firing", Gauge, "alert, severity", "1 while an alert fires"},
		{"weir_alerts_fired_total", Counter, "alert, severity", "times that an alert began to fire"},
		{"weir_webhooks_sent_total", Counter, "", "changes of alerts that the receiver has taken (`alerts.webhook.url`)"},
		{"weir_webhook_failures_total", Counter, "", "requests to the receiver that failed; most are tried again"},
		{"weir_webhooks_dropped_total", Counter, "reason",
			"changes that the receiver will not hear of: `webhook_queue_full` (`max_queue` waited), `webhook_rejected` " +
				"(it said that they are wrong), `webhook_gave_up` (`give_up_after`), `webhook_stopped` (the server stopped)"},
		{"weir_webhooks_waiting", Gauge, "", "changes that wait for the receiver"},
		{"weir_webhooks_waiting_limit", Gauge, "", "the bound of weir_webhooks_waiting, `alerts.webhook.max_queue`"},
	}},
	{"Log", []Family{
		{"weir_log_lines_lost_total", Counter, "reason",
			"log lines that are not on standard error: `buffer_full` (1 MiB of them waited for a reader), " +
				"`write_error` (the reader is gone, the disk is full)"},
	}},
}
