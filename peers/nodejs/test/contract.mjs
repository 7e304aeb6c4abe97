// The HTTP contract, as a team that uses NodeJS tests it: with NodeJS' own runner and client, over a connection.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { makeServer } from "../src/http.mjs";
import { transform } from "../src/ordinary.mjs";

const PROBLEM = "application/problem+json";
const golden = (name) => readFileSync(new URL(`../golden/${name}`, import.meta.url));
const server = makeServer(transform, {}, 2 ** 20);
let root;

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  root = `http://127.0.0.1:${server.address().port}`;
});

after(() => server.close());

const get = (path) => fetch(root + path);
const post = (body, type = "application/json") =>
  fetch(`${root}/statements`, { method: "POST", body, headers: { "Content-Type": type } });

test("greets", async () => {
  const answer = await get("/hello");
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "Hello, world!\n");
});

test("answers a batch with statements", async () => {
  const answer = await post(golden("batch.json"));
  assert.equal(answer.status, 200);
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), golden("statement.json"));
});

test("refuses what is not JSON", async () => {
  const answer = await post('{"batch":');
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [400, PROBLEM]);
});

test("points to a broken rule", async () => {
  const answer = await post(golden("invalid.json"));
  assert.equal(answer.status, 422);
  assert.equal((await answer.json()).pointer, golden("invalid.pointer").toString().trim());
});

test("refuses another media type", async () => {
  const answer = await post("{}", "text/plain");
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [415, PROBLEM]);
});

test("knows no other path", async () => {
  const answer = await get("/unknown");
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [404, PROBLEM]);
});

test("names the allowed method", async () => {
  const answer = await get("/statements");
  assert.deepEqual([answer.status, answer.headers.get("allow")], [405, "POST"]);
});

test("names an unknown parameter", async () => {
  const answer = await get("/hello?name=Ann");
  assert.equal(answer.status, 400);
  assert.equal((await answer.json()).parameter, "name");
});
