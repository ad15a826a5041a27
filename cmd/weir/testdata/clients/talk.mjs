// One conversation by a public client: connect, list the tools, call echo, close. Prints one line when all of it went
// as the client expects, and ends with status 1 otherwise. Usage: node talk.mjs CLIENT URL

import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as HTTPv1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import { Client as ClientV2, StreamableHTTPClientTransport as HTTPv2 } from "@modelcontextprotocol/client";

const who = { name: "weir-interop", version: "1.0.0" };
const pinned = { versionNegotiation: { mode: { pin: "2026-07-28" } } };

const clients = {
  "sdk-http": (url) => [new ClientV1(who), new HTTPv1(url)],
  "sdk-sse": (url) => [new ClientV1(who), new SSEClientTransport(new URL("/sse", url))],
  "sdk-websocket": (url) => [new ClientV1(who), new WebSocketClientTransport(url)],
  "client-legacy": (url) => [new ClientV2(who), new HTTPv2(url)],
  "client-auto": (url) => [new ClientV2(who, { versionNegotiation: { mode: "auto" } }), new HTTPv2(url)],
  "client-2026-07-28": (url) => [new ClientV2(who, pinned), new HTTPv2(url)],
};

const [name, url] = process.argv.slice(2);
const [client, transport] = clients[name](new URL(url));
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
const server = client.getServerVersion();
if (transport.terminateSession) {
  await transport.terminateSession();
}
await client.close();
console.log(`${name}: ${server.name}, ${tools.length} tools, echo said ${said}`);
