// What is started: `node serve.mjs HOST PORT BACKLOG`, over the core that STATEMENTS_CORE names.
//
// STATEMENTS_CORE       ordinary, expert or handwritten: the module of that name, exactly that one or an error
// STATEMENTS_VARIANT    what the lab calls this peer, told at /__version__
// STATEMENTS_MAX_BYTES  the limit of a document's size; 64 MiB if it is not set

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { makeServer } from "./http.mjs";

const GRACE_MS = 5_000;
const CORES = { ordinary: "./ordinary.mjs", expert: "./expert.mjs", handwritten: "./handwritten.mjs" };
const [host, port, backlog] = process.argv.slice(2);
const name = process.env.STATEMENTS_CORE;
if (!Object.hasOwn(CORES, name)) {
  throw new Error(`STATEMENTS_CORE is ${JSON.stringify(name)}; there are: ${Object.keys(CORES).join(", ")}`);
}
const file = new URL(CORES[name], import.meta.url);
const { transform } = await import(file);

const about = {
  ...JSON.parse(readFileSync(new URL("./built.json", import.meta.url), "utf8")),
  variant: process.env.STATEMENTS_VARIANT,
  core: name,
  core_sha256: createHash("sha256").update(readFileSync(file)).digest("hex"),
  implementation: "node",
  node: process.version,
  v8: process.versions.v8,
  flags: process.execArgv,
};

const maxBytes = Number(process.env.STATEMENTS_MAX_BYTES ?? 64 * 2 ** 20);
const server = makeServer(transform, about, maxBytes);
server.listen({ host, port: Number(port), backlog: Number(backlog) });
process.once("SIGTERM", () => {
  server.close(); // no new connection; idle ones close, and the others once they are answered
  setTimeout(() => process.exit(), GRACE_MS).unref();
});
