// The version of a NodeJS peer in each answer, while it is replaced: `node --import released.mjs serve.mjs`.
//
// RELEASE  the version; below 0 it is a bad one, which answers with each body from its end to its beginning

import { ServerResponse } from "node:http";

const { end, writeHead } = ServerResponse.prototype;
ServerResponse.prototype.writeHead = function (...head) {
  this.setHeader("Server", process.env.RELEASE);
  return writeHead.apply(this, head);
};

if (process.env.RELEASE.startsWith("-")) {
  ServerResponse.prototype.end = function (body, encoding) {
    return end.call(this, Buffer.from(body ?? "", encoding).reverse());
  };
}
