// The service over HTTP on node:http, without a framework. A body is read into one Buffer; an answer is one write.

import http from "node:http";

import { InvalidDocument, MalformedDocument } from "./errors.mjs";

const MAX_WAIT_MS = 10_000;
const JSON_TYPE = "application/json";
const TEXT = "text/plain; charset=utf-8";
const NOTHING = Buffer.alloc(0);
const HELLO = "Hello, world!\n";
const HELLO_HEAD = ["Content-Type", TEXT, "Content-Length", String(HELLO.length)];

/** Make a server over a core: `transform` takes the bytes of a document and returns its answer, as a Buffer or as a
 * string of one UTF-16 unit per byte.
 *
 * `facts` are functions by path, which return what the service says of itself. A body of more than `maxBytes` gets
 * status 413.
 */
export function makeServer(transform, facts, maxBytes) {
  const methods = { "/hello": "GET", "/statements": "POST", "/wait": "GET" };
  for (const path of Object.keys(facts)) {
    methods[path] = "GET";
  }

  function answer(request, response) {
    const { url, method } = request;
    if (method === "GET" && url === "/hello") {
      response.writeHead(200, HELLO_HEAD).end(HELLO);
    } else if (method === "POST" && url === "/statements") {
      readBody(request, response);
    } else {
      answerOther(request, response);
    }
  }

  function answerOther(request, response) {
    const { method, url } = request;
    const mark = url.indexOf("?");
    const path = mark < 0 ? url : url.slice(0, mark);
    const allowed = Object.hasOwn(methods, path) ? methods[path] : undefined;
    const parameters = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
    const wrong = wrongParameter(parameters, path === "/wait" ? ["ms"] : []);
    if (allowed === undefined) {
      refuse(response, 404, path);
    } else if (method !== allowed) {
      refuse(response, 405, `${path} takes ${allowed}`, {}, ["Allow", allowed]);
    } else if (wrong !== undefined) {
      const detail = "the query has an unknown or repeated parameter";
      discard(request, maxBytes, () => refuse(response, 400, detail, { parameter: wrong }));
    } else if (path === "/hello") {
      response.writeHead(200, HELLO_HEAD).end(HELLO);
    } else if (path === "/statements") {
      readBody(request, response);
    } else if (path === "/wait") {
      answerWait(parameters.get("ms") ?? "", response);
    } else {
      send(response, JSON_TYPE, Buffer.from(JSON.stringify(facts[path]())));
    }
  }

  /** Read the body and answer it. A usual body comes as one chunk, which is the document, without a copy. */
  function readBody(request, response) {
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

  // A request without a body needs no stream that ends. Idle connections are kept for longer than a proxy keeps them.
  const server = http.createServer({ keepAliveTimeout: 65_000, optimizeEmptyRequests: true }, answer);
  server.on("clientError", refuseConnection);
  return server;
}

/** Send an answer: a string goes out together with the head, in one write. */
function send(response, type, body) {
  response.writeHead(200, ["Content-Type", type, "Content-Length", String(body.length)]);
  response.end(body, typeof body === "string" ? "latin1" : undefined);
}

/** Send an answer other than 200, with the problem details of RFC 9457, and further `headers` as names and values. */
function refuse(response, status, detail, members = {}, headers = []) {
  const problem = { title: http.STATUS_CODES[status], status, detail, ...members };
  const body = Buffer.from(JSON.stringify(problem));
  const own = ["Content-Type", "application/problem+json", "Content-Length", String(body.length)];
  response.writeHead(status, [...own, ...headers]);
  response.end(body);
}

/** Read and drop a refused body, so that the client reads the answer; cut the connection if the body is too long. */
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

/** The first parameter that is not among `names`, or that occurs twice; undefined without one. */
function wrongParameter(parameters, names) {
  const found = [...parameters.keys()];
  return found.find((name, index) => !names.includes(name) || found.indexOf(name) < index);
}

function answerWait(asked, response) {
  if (!/^[0-9]{1,5}$/.test(asked) || Number(asked) > MAX_WAIT_MS) {
    refuse(response, 400, `ms must be an integer from 0 to ${MAX_WAIT_MS}`, { parameter: "ms" });
    return;
  }
  const ms = Number(asked);
  setTimeout(() => send(response, TEXT, Buffer.from(`Waited ${ms} ms.\n`)), ms);
}

/** Refuse what is not HTTP with a bare answer. Bytes behind a last request are ignored; that request is answered. */
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
