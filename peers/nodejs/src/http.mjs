// The service over HTTP: node:http and nothing else. A body is read into one Buffer, an answer is one write.

import http from "node:http";

import { InvalidDocument, MalformedDocument } from "./errors.mjs";

const MAX_WAIT_MS = 10_000;
const JSON_TYPE = "application/json";
const TEXT = "text/plain; charset=utf-8";
const NOTHING = Buffer.alloc(0);
const HELLO = "Hello, world!\n";
const HELLO_HEAD = ["Content-Type", TEXT, "Content-Length", String(HELLO.length)];
const ALLOWED = { "/hello": "GET", "/statements": "POST", "/wait": "GET", "/__version__": "GET" };

/** A server over a core: `transform` takes the bytes of a document and returns those of its answer, as a Buffer or as a
 * string of one unit a byte.
 *
 * `about` tells what runs; bodies of more than `maxBytes` are refused.
 */
export function makeServer(transform, about, maxBytes) {
  const told = Buffer.from(JSON.stringify(about));

  function answer(request, response) {
    const { url, method } = request;
    if (method === "GET" && url === "/hello") {
      response.writeHead(200, HELLO_HEAD).end(HELLO);
    } else if (method === "POST" && url === "/statements") {
      read(request, response);
    } else {
      rest(request, response);
    }
  }

  function rest(request, response) {
    const { method, url } = request;
    const mark = url.indexOf("?");
    const path = mark < 0 ? url : url.slice(0, mark);
    const allowed = Object.hasOwn(ALLOWED, path) ? ALLOWED[path] : undefined;
    if (allowed === undefined) {
      refuse(response, 404, path);
    } else if (method !== allowed) {
      refuse(response, 405, `${path} takes ${allowed}`);
    } else if (path === "/hello") {
      response.writeHead(200, HELLO_HEAD).end(HELLO);
    } else if (path === "/statements") {
      read(request, response);
    } else if (path === "/wait") {
      wait(mark < 0 ? "" : url.slice(mark + 1), response);
    } else {
      send(response, JSON_TYPE, told);
    }
  }

  /** Read the body, and answer it: a usual one comes as one chunk, which is then the document itself. */
  function read(request, response) {
    const { headers } = request;
    const announced = headers["content-length"];
    if (!isJson(headers["content-type"])) {
      discard(request, maxBytes, () => refuse(response, 415, `the body must be ${JSON_TYPE}`));
    } else if (announced === undefined && headers["transfer-encoding"] === undefined) {
      respond(response, NOTHING);
    } else if (Number(announced ?? 0) > maxBytes) {
      discard(request, maxBytes, () => refuse(response, 413, `the body may have ${maxBytes} bytes`));
    } else {
      collect(request, response);
    }
  }

  function collect(request, response) {
    let document = NOTHING;
    let chunks = null;
    let length = 0;
    request.on("data", (chunk) => {
      length += chunk.length;
      if (length > maxBytes) {
        request.removeAllListeners("data").removeAllListeners("end");
        discard(request, maxBytes, () => refuse(response, 413, `the body may have ${maxBytes} bytes`));
      } else if (document === NOTHING) {
        document = chunk;
      } else {
        (chunks ??= [document]).push(chunk);
      }
    });
    request.on("end", () => respond(response, chunks ? Buffer.concat(chunks, length) : document));
  }

  function respond(response, document) {
    let statement;
    try {
      statement = transform(document);
    } catch (error) {
      if (error instanceof InvalidDocument) {
        refuse(response, 422, "a rule is broken at the pointer", { pointer: error.pointer });
      } else if (error instanceof MalformedDocument) {
        refuse(response, 400, error.message);
      } else {
        console.error(error);
        refuse(response, 500, "the service failed");
      }
      return;
    }
    send(response, JSON_TYPE, statement);
  }

  // a request without a body needs no stream that ends; an idle connection is kept for longer than proxies do
  const server = http.createServer({ keepAliveTimeout: 65_000, optimizeEmptyRequests: true }, answer);
  server.on("clientError", refuseConnection);
  return server;
}

/** One write: what is a string goes out together with the head. */
function send(response, type, body) {
  response.writeHead(200, ["Content-Type", type, "Content-Length", String(body.length)]);
  response.end(body, typeof body === "string" ? "latin1" : undefined);
}

/** An answer other than 200: problem details of RFC 9457. */
function refuse(response, status, detail, members = {}) {
  const problem = { title: http.STATUS_CODES[status], status, detail, ...members };
  const body = Buffer.from(JSON.stringify(problem));
  response.writeHead(status, ["Content-Type", "application/problem+json", "Content-Length", String(body.length)]);
  response.end(body);
}

/** Let a body that is not wanted go by, so that the answer is read; one that goes on for too long is cut off. */
function discard(request, most, then) {
  let length = 0;
  request.on("data", (chunk) => {
    length += chunk.length;
    if (length > 2 * most) {
      request.destroy();
    }
  });
  if (request.readableEnded || request.complete) {
    then();
  } else {
    request.on("end", then);
  }
}

function isJson(type) {
  return type === JSON_TYPE || (type !== undefined && type.split(";", 1)[0].trim().toLowerCase() === JSON_TYPE);
}

function wait(query, response) {
  const asked = new URLSearchParams(query).getAll("ms").at(-1);
  if (asked === undefined || !/^[0-9]{1,5}$/.test(asked) || Number(asked) > MAX_WAIT_MS) {
    refuse(response, 400, `ms must be an integer from 0 to ${MAX_WAIT_MS}`);
    return;
  }
  const ms = Number(asked);
  setTimeout(() => send(response, TEXT, Buffer.from(`Waited ${ms} ms.\n`)), ms);
}

/** What is no HTTP gets a bare answer; bytes behind a last request are left alone, that one is answered. */
function refuseConnection(error, socket) {
  if (error.code === "HPE_CLOSED_CONNECTION") {
    return;
  }
  if (error.code !== "ECONNRESET" && socket.writable) {
    const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  } else {
    socket.destroy();
  }
}
