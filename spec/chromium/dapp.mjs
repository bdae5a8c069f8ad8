// Programs that ask, as plain as they can be: a page that opens the wallet in a window, and an endpoint that the
// wallet's page calls on.
import { randomUUID } from "node:crypto";
import { PATIENCE, ready, serve } from "./support.mjs";

const PAGE = `<!doctype html><title>A dapp</title><button id="open">Open the wallet</button><script>
  window.answers = [];
  window.readies = 0;
  let wallet;
  const origin = new URL(${JSON.stringify(ready.wallet)}).origin;
  const post = (topic, payload) => wallet.postMessage({ id: crypto.randomUUID(), topic, payload }, origin);
  window.ask = () => {
    post("__internal", { type: "init", mode: "popup", referrer: { title: "my bot" }, chainIds: [${ready.chain_id}] });
    post("rpc-requests", window.requests.map((request) => ({ status: "pending", request })));
  };
  window.say = post;
  window.addEventListener("message", ({ origin: from, source, data }) => {
    if (from !== origin || source !== wallet) return;
    if (data.topic === "ready") {
      window.readies += 1;
      window.told = data.payload;
      window.ask();
    }
    if (data.topic === "rpc-response") {
      const { id, result, error } = data.payload;
      window.answers.push({ id, ...(error ? { error: { code: error.code, message: error.message } } : { result }) });
    }
  });
  document.getElementById("open").onclick = () => {
    wallet = window.open(${JSON.stringify(ready.wallet)}, "_blank", "width=360,height=480");
  };
</script>`;

/** The origin of a page with a button that opens the wallet and asks what its `window.requests` holds. */
export async function dappPage() {
  const { origin } = await serve((request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(PAGE);
  });
  return origin;
}

/** What a dapp's page was answered, once there are so many answers. */
export async function answers(page, many = 1) {
  await page.waitForFunction((wanted) => window.answers.length >= wanted, many, { timeout: PATIENCE });
  return page.evaluate(() => window.answers);
}

/** An endpoint as a program serves it: the URL for the wallet, what came in, and a way to send. */
export async function endpoint(request) {
  const streams = new Set();
  const received = [];
  const waiting = [];
  const path = `/${randomUUID()}`;
  const program = {
    received,
    send(topic, payload) {
      for (const stream of streams) stream.write(`data: ${JSON.stringify({ id: randomUUID(), topic, payload })}\n\n`);
    },
    ask() {
      program.send("rpc-requests", [{ request, status: "pending" }]);
    },
    /** The first message of a topic, awaited. */
    async message(topic, skip = 0) {
      for (const until = Date.now() + PATIENCE; Date.now() < until; ) {
        const found = received.filter((message) => message.topic === topic)[skip];
        if (found) return found.payload;
        await new Promise((resolve) => {
          waiting.push(resolve);
          setTimeout(resolve, 250);
        });
      }
      throw new Error(`the page did not send ${topic}`);
    },
  };
  const { origin, stop } = await serve((message, response) => {
    response.setHeader("Access-Control-Allow-Origin", new URL(ready.wallet).origin);
    response.setHeader("Access-Control-Allow-Headers", "Content-Type");
    if (message.method === "OPTIONS") return response.end();
    if (message.url !== path) return response.writeHead(404).end();
    if (message.method === "GET") {
      response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
      response.flushHeaders();
      streams.add(response);
      response.on("close", () => streams.delete(response));
      return undefined;
    }
    let body = "";
    message.on("data", (chunk) => (body += chunk));
    message.on("end", () => {
      const parsed = JSON.parse(body);
      received.push(parsed);
      response.end("ok");
      if (parsed.topic === "ready") program.ask();
      for (const wake of waiting.splice(0)) wake();
    });
    return undefined;
  });
  program.url = `${ready.wallet}/?relayUrl=${encodeURIComponent(origin + path)}`;
  program.origin = origin;
  program.stop = stop;
  return program;
}
