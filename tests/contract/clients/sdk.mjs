// The same acts with either version of the TypeScript SDK: connect, ask for a browser when the SDK does, go on.
import { listenForReturn, obey, textOf, url } from "./loop.mjs";
import { Memory } from "./provider.mjs";

export async function obeyWith({ Client, options, StreamableHTTPClientTransport, UnauthorizedError, finishWith }) {
  const browser = await listenForReturn();
  const memory = new Memory(browser.redirectUri);
  const clients = {};
  let transport;

  async function connected(address) {
    if (clients[address]) return clients[address];
    const fresh = new Client({ name: "contract", version: "1" }, options);
    transport = new StreamableHTTPClientTransport(new URL(address), { authProvider: memory });
    await fresh.connect(transport);
    return (clients[address] = fresh);
  }

  // `at` another address, what the SDK remembers of the first goes along.
  async function signedIn(act, at = url) {
    for (;;) {
      try {
        return await act(await connected(at));
      } catch (error) {
        if (!(error instanceof UnauthorizedError)) throw error;
        await transport.finishAuth(...finishWith(await browser.next()));
      }
    }
  }

  const call = ({ tool, arguments: args = {}, at }) =>
    signedIn((client) => client.callTool({ name: tool, arguments: args }), at);
  await obey({
    tools: () => signedIn(async (client) => (await client.listTools()).tools.map((tool) => tool.name)),
    call: async (order) => textOf(await call(order)),
    calls: async (order) => {
      const all = await Promise.allSettled(Array.from({ length: order.times }, () => call(order)));
      return all.map((one) => (one.status === "fulfilled" ? textOf(one.value) : `${one.reason}`));
    },
    credential: () => memory.tokens()?.access_token,
    expire: () => memory.expired(),
  });
}
