// Starts the server: `node serve.mjs HOST PORT BACKLOG`. Its environment configures it.
//
// STATEMENTS_CORE       the core: ordinary, expert or handwritten; any other value is an error
// STATEMENTS_VARIANT    the name of this peer, reported at /__version__
// STATEMENTS_MAX_BYTES  the largest document in bytes; the default is 64 MiB

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { makeServer } from "./http.mjs";

const GRACE_MS = 5_000;
const CORES = { ordinary: "./ordinary.mjs", expert: "./expert.mjs", handwritten: "./handwritten.mjs" };
const [host, port, backlog] = process.argv.slice(2);
const name = process.env.STATEMENTS_CORE;
if (!Object.hasOwn(CORES, name)) {
  throw new Error(`STATEMENTS_CORE is ${JSON.stringify(name)}: use one of ${Object.keys(CORES).join(", ")}`);
}
const file = new URL(CORES[name], import.meta.url);
const { transform } = await import(file);

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const about = {
  ...read("./built.json"),
  variant: process.env.STATEMENTS_VARIANT,
  core: name,
  core_sha256: createHash("sha256").update(readFileSync(file)).digest("hex"),
  implementation: "node",
  node: process.version,
  v8: process.versions.v8,
  flags: process.execArgv,
};

/** The OpenAPI document with the operations that every implementation has. */
function promised() {
  const document = read("./openapi.json");
  const isCore = ([, item]) => Object.values(item).some((operation) => operation.tags?.includes("core"));
  return { ...document, paths: Object.fromEntries(Object.entries(document.paths).filter(isCore)) };
}

const facts = { "/__version__": () => about, "/openapi.json": promised };
const maxBytes = Number(process.env.STATEMENTS_MAX_BYTES ?? 64 * 2 ** 20);
const server = makeServer(transform, facts, maxBytes);
server.listen({ host, port: Number(port), backlog: Number(backlog) });
process.once("SIGTERM", () => {
  server.close(); // accepts no connection; idle ones close now, the others after their answer
  setTimeout(() => process.exit(), GRACE_MS).unref();
});
