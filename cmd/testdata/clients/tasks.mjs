// Tasks of 2025-11-25 by the public client that has them: against "everything", over HTTP or a WebSocket. Prints one line
// when all of it went as the client expects, and ends with status 1 otherwise. Usage: node tasks.mjs URL

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import { CallToolResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const url = new URL(process.argv[2]);
const transport = url.protocol === "ws:" ? new WebSocketClientTransport(url) : new StreamableHTTPClientTransport(url);
const client = new Client({ name: "weir-interop", version: "1.0.0" }, { capabilities: { elicitation: {}, tasks: {} } });
let asked = "";
client.setRequestHandler(ElicitRequestSchema, (request) => {
  asked = request.params._meta?.["io.modelcontextprotocol/related-task"]?.taskId ?? "for no task";
  return { action: "accept", content: { confirm: true } };
});
await client.connect(transport);
await client.listTools(); // from which the client knows which tools are tasks

function expect(what, got, want) {
  if (got !== want) {
    throw new Error(`${what}: ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
  }
}

// run calls a tool as a task and returns what came of it, in order.
async function run(name, args) {
  const seen = { id: "", statuses: [], result: undefined, error: undefined };
  for await (const message of client.experimental.tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, { task: { ttl: 60000 } })) {
    if (message.task) {
      seen.id = message.task.taskId;
      seen.statuses.push(message.task.status);
    }
    seen.result ??= message.result;
    seen.error ??= message.error;
  }
  return seen;
}

const slow = await run("slow_compute", { seconds: 0.2, label: "it" });
expect("slow_compute began", slow.statuses[0], "working");
expect("slow_compute", slow.result?.content[0].text, "Computed it in 0.2 seconds");
const confirmed = await run("confirm_delete", { filename: "a.txt" });
expect("confirm_delete", confirmed.result?.content[0].text, "Deleted a.txt");
expect("who asked", asked, confirmed.id);
const failing = await run("failing_job", {});
expect("failing_job", failing.statuses.at(-1), "failed");
const broken = await run("protocol_error_job", {});
expect("protocol_error_job", broken.statuses.at(-1), "failed");

const { tasks } = await client.experimental.tasks.listTasks();
expect("listed", tasks.length, 4);
const stream = client.experimental.tasks.callToolStream({ name: "slow_compute", arguments: { seconds: 60 } }, CallToolResultSchema, { task: {} });
const created = await stream.next();
const cancelled = await client.experimental.tasks.cancelTask(created.value.task.taskId);
expect("cancelled", cancelled.status, "cancelled");
await stream.return();
await client.close();
console.log(`${tasks.map((t) => t.status).join(", ")}, cancelled`);
