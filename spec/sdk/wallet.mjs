// The wallet's side of an approval by the SDK's own code: its messenger for local programs (`Messenger.cliRelay`), and
// its provider, which validates the request, makes the account, grants, and writes the answer. The endpoint and the
// wallet's origin are the second and third argument; the fourth is "reject" for an owner who refuses.
import assert from "node:assert/strict";
import { load } from "./packages.mjs";
import { chain, connect, owner, step, ETHER } from "./support.mjs";

const [, , , relayUrl, origin, decision] = process.argv;

// As a browser does it for a page of the wallet.
const plainFetch = globalThis.fetch;
globalThis.fetch = (url, options = {}) =>
  plainFetch(url, String(url).startsWith(relayUrl) ? { ...options, headers: { ...options.headers, origin } } : options);

globalThis.EventSource = class {
  constructor(url) {
    this.abort = new AbortController();
    this.run(url).catch((error) => this.abort.signal.aborted || this.onerror?.(error));
  }

  async run(url) {
    const reply = await fetch(url, { headers: { accept: "text/event-stream" }, signal: this.abort.signal });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get("content-type"), "text/event-stream");
    let text = "";
    for await (const piece of reply.body.pipeThrough(new TextDecoderStream())) {
      text += piece;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const data = text.slice(0, end).split("\n").filter((line) => line.startsWith("data: "));
        text = text.slice(end + 2);
        if (data.length > 0) this.onmessage?.({ data: data.map((line) => line.slice(6)).join("\n") });
      }
    }
  }

  close() {
    this.abort.abort();
  }
};

const Messenger = await load("rise-wallet/core/Messenger");
const messenger = Messenger.cliRelay({ relayUrl });
const wallet = connect();

await step("approve", async () => {
  const asked = new Promise((resolve) => messenger.on("rpc-requests", resolve));
  const finished = new Promise((resolve) => messenger.on("success", resolve));
  await messenger.ready({ chainIds: [chain.id], methodPolicies: [], trustedHosts: [] });
  const [{ request, status }] = await asked;
  assert.equal(status, "pending");
  assert.equal(typeof request.id, "number");
  const answer = { id: request.id, jsonrpc: "2.0", _request: request };
  if (decision === "reject") {
    await messenger.send("rpc-response", { ...answer, error: { code: 4001, message: "The user rejected the request." } });
    return {};
  }
  const [parameters] = request.params;
  const result = await wallet.request(request.method, {
    ...parameters,
    capabilities: { ...parameters.capabilities, createAccount: true },
  });
  const [{ address }] = result.accounts;
  await owner.setBalance({ address, value: 10n * ETHER });
  await messenger.send("rpc-response", { ...answer, result });
  assert.equal((await finished).title, "Done");
  return { address };
});

messenger.destroy();
process.exit(0);
