// Calls the tool test_reconnection with public clients, which must come back by themselves for the answer of a stream
// that the server has closed. Usage: node poll.mjs URL

import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as HTTPv1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Client as ClientV2, StreamableHTTPClientTransport as HTTPv2 } from "@modelcontextprotocol/client";

const who = { name: "weir-interop", version: "1.0.0" };
const url = new URL(process.argv[2]);
for (const [name, client, transport] of [
  ["sdk", new ClientV1(who), new HTTPv1(url)],
  ["client", new ClientV2(who), new HTTPv2(url)],
]) {
  await client.connect(transport);
  const answer = await client.callTool({ name: "test_reconnection", arguments: {} });
  console.log(`${name}: ${answer.content[0].text}`);
  await client.close();
}
