// Sends documents through the models of the generated client: `golden.js URL FILE...`.
//
// A file gives a line of JSON: `sent`, the body of the request, then `status`, `type` and `answer` as the client's model
// has it, or `error`.

import { readFileSync } from "node:fs";

import {
  Batch,
  BatchFromJSON,
  Configuration,
  CoreApi,
  InvalidProblemFromJSON,
  InvalidProblemToJSON,
  ProblemFromJSON,
  ProblemToJSON,
  RequestContext,
  ResponseError,
  StatementToJSON,
} from "./index";

interface Told {
  sent?: string;
  status?: number;
  type?: string;
  answer?: unknown;
  error?: string;
}

const [url, ...files] = process.argv.slice(2);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

async function told(file: string): Promise<Told> {
  const found: Told = {};
  const record = async ({ init }: RequestContext): Promise<void> => {
    found.sent = String(init.body);
  };
  const api = new CoreApi(new Configuration({ basePath: url, middleware: [{ pre: record }] }));
  try {
    const batch = BatchFromJSON(JSON.parse(utf8.decode(readFileSync(file))));
    Object.assign(found, await answered(api, batch));
  } catch (error) {
    found.error = String(error);
  }
  return found;
}

// The client knows no model of an error: the status says which one to read.
async function answered(api: CoreApi, batch: Batch): Promise<Told> {
  try {
    const response = await api.postStatementRaw({ batch });
    return { status: response.raw.status, type: "Statement", answer: StatementToJSON(await response.value()) };
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    const { status } = error.response;
    const json: unknown = await error.response.json();
    switch (status) {
      case 400:
        return { status, type: "Problem", answer: ProblemToJSON(ProblemFromJSON(json)) };
      case 422:
        return { status, type: "InvalidProblem", answer: InvalidProblemToJSON(InvalidProblemFromJSON(json)) };
      default:
        throw error;
    }
  }
}

async function main(): Promise<void> {
  for (const file of files) console.log(JSON.stringify(await told(file)));
}

void main();
