// Follows links from `/` to all that a document becomes, as tests/following.py does with halchemy.
//
//     node reach.cjs KETTING URL AUTHORIZATION < DOCUMENT
//
// KETTING is the folder of the package; AUTHORIZATION may be empty. stdout receives what it has found, as JSON.

const PATIENCE_MS = 30_000;
const [ketting, url, authorization] = process.argv.slice(2);
const { Client } = require(ketting);

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// The statement, once it is made: ketting says nothing of 202, so its member `state` tells.
async function made(resource) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await resource.refresh();
    if (found.data.state !== "pending") return found;
    if (Date.now() > deadline) throw new Error("the statement is not made");
    await pause(50);
  }
}

async function pages(first) {
  const found = [];
  for (let page = await first.get(); ; page = await page.follow("next").get()) {
    for (const each of page.followAll("lab:customer")) found.push((await each.get()).data);
    if (!page.links.has("next")) return found;
  }
}

async function documentation(statement, name) {
  const curie = statement.links.get("curies");
  const response = await statement.client.go(curie.href.replace("{rel}", name)).fetch();
  return response.text();
}

async function reach(document) {
  const client = new Client(url);
  if (authorization) {
    client.use((request, next) => {
      request.headers.set("Authorization", authorization);
      return next(request);
    });
  }
  const statements = await client.follow("lab:statements", {});
  const answer = await statements.post({ data: document });
  const pending = await statements.post({ data: document, headers: { Prefer: "respond-async" } });
  const statement = await made(pending.follow("self"));
  const documented = {};
  for (const name of ["statements", "customers", "customer"]) documented[name] = await documentation(statement, name);
  return { answer: answer.data, statement: statement.data, customers: await pages(statement.follow("lab:customers")), documented };
}

let body = "";
process.stdin.on("data", (part) => { body += part; });
process.stdin.on("end", async () => {
  console.log(JSON.stringify(await reach(JSON.parse(body))));
});
