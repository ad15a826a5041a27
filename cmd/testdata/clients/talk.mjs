// One conversation by a public client: connect, list the tools, call echo, close. Prints one line when all of it went
// as the client expects, and ends with status 1 otherwise. Usage: node talk.mjs CLIENT URL [TOKEN], or for a server to be
// launched: node talk.mjs CLIENT COMMAND ARGUMENT...

import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as HTTPv1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { StdioClientTransport as StdioV1 } from "@modelcontextprotocol/sdk/client/stdio.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import { Client as ClientV2, StreamableHTTPClientTransport as HTTPv2 } from "@modelcontextprotocol/client";
import { StdioClientTransport as StdioV2 } from "@modelcontextprotocol/client/stdio";

const who = { name: "weir-interop", version: "1.0.0" };
const pinned = { versionNegotiation: { mode: { pin: "2026-07-28" } } };

const auto = { versionNegotiation: { mode: "auto" } };
const bearer = (token) => (token ? { requestInit: { headers: { Authorization: `Bearer ${token}` } } } : {});

const clients = {
  "sdk-http": (url, token) => [new ClientV1(who), new HTTPv1(new URL(url), bearer(token))],
  "sdk-sse": (url) => [new ClientV1(who), new SSEClientTransport(new URL("/sse", url))],
  "sdk-websocket": (url) => [new ClientV1(who), new WebSocketClientTransport(new URL(url))],
  "client-legacy": (url, token) => [new ClientV2(who), new HTTPv2(new URL(url), bearer(token))],
  "client-auto": (url, token) => [new ClientV2(who, auto), new HTTPv2(new URL(url), bearer(token))],
  "client-2026-07-28": (url, token) => [new ClientV2(who, pinned), new HTTPv2(new URL(url), bearer(token))],
  "sdk-stdio": (command, ...args) => [new ClientV1(who), new StdioV1({ command, args })],
  "client-stdio-legacy": (command, ...args) => [new ClientV2(who), new StdioV2({ command, args })],
  "client-stdio-auto": (command, ...args) => [new ClientV2(who, auto), new StdioV2({ command, args })],
  "client-stdio-2026-07-28": (command, ...args) => [new ClientV2(who, pinned), new StdioV2({ command, args })],
};

const [name, ...server] = process.argv.slice(2);
const [client, transport] = clients[name](...server);
await client.connect(transport);
const { tools } = await client.listTools();
const answer = await client.callTool({ name: "echo", arguments: { message: "hello" } });
const said = answer.content[0].text;
if (answer.isError || said !== "hello") {
  throw new Error(`echo answered ${JSON.stringify(answer)}`);
}
let failed = "";
try {
  await client.callTool({ name: "no_such_tool", arguments: {} });
} catch (error) {
  failed = String(error.code);
}
if (failed !== "-32602") {
  throw new Error(`an unknown tool was answered with ${failed || "success"}`);
}
const identity = client.getServerVersion();
if (transport.terminateSession) {
  await transport.terminateSession();
}
await client.close();
console.log(`${name}: ${identity.name}, ${tools.length} tools, echo said ${said}`);
