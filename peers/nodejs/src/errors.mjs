// Says what is wrong with a document, in the order of the spec's table (spec/statement.md).

import { isUtf8 } from "node:buffer";

/** The bytes are not a JSON text that the spec allows. */
export class MalformedDocument extends Error {}

/** The JSON breaks a rule; `pointer` is the JSON Pointer (RFC 6901) of the first breach. */
export class InvalidDocument extends Error {
  constructor(pointer) {
    super(pointer);
    this.pointer = pointer;
  }
}

export const MAX_ORDERS = 100_000;
export const MAX_LINES = 1_000;
export const MAX_TAGS = 20;
export const MAX_QUANTITY = 1_000_000;
export const MAX_PRICE = 1_000_000_000;
const MAX_DEPTH = 200;

/** Throw MalformedDocument or InvalidDocument for any breach except that of the amounts. */
export function judge(document) {
  const batch = parse(document);
  if (isTooDeep(batch)) {
    throw new MalformedDocument(`more than ${MAX_DEPTH} nested arrays and objects`);
  }
  for (const pointer of breaches(batch, BATCH, "")) {
    throw new InvalidDocument(pointer);
  }
}

function parse(document) {
  if (!isUtf8(document)) {
    throw new MalformedDocument("not UTF-8");
  }
  const text = document.toString();
  let batch;
  try {
    batch = JSON.parse(text);
  } catch (error) {
    throw new MalformedDocument(error.message);
  }
  if (/\\u[dD][89a-fA-F]/.test(text) && !isWellFormed(batch)) {
    throw new MalformedDocument("an unpaired surrogate escape");
  }
  return batch;
}

function children(value) {
  return typeof value === "object" && value !== null ? Object.values(value) : [];
}

function isWellFormed(value) {
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === "string" && !next.isWellFormed()) {
      return false;
    }
    for (const child of children(next)) {
      left.push(child);
    }
    if (typeof next === "object" && next !== null && !Object.keys(next).every((name) => name.isWellFormed())) {
      return false;
    }
  }
  return true;
}

function isTooDeep(value) {
  let level = [value];
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    level = level.flatMap(children);
  }
  return level.some((each) => typeof each === "object" && each !== null);
}

/** The number of code points of a well-formed string. */
export function characters(text) {
  let count = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xdc00 && unit <= 0xdfff) {
      count--;
    }
  }
  return count;
}

/** The name with each run of ASCII white space as one space, and none at its ends. */
export function normalised(name) {
  return name.replace(/[ \t\n\r\f\v]+/g, " ").replace(/^ | $/g, "");
}

const MOMENT = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Tell whether a string is a real date and time in the spec's form. */
export function isMoment(value) {
  if (typeof value !== "string" || !MOMENT.test(value)) {
    return false;
  }
  const [year, month, day] = [value.slice(0, 4), value.slice(5, 7), value.slice(8, 10)].map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= DAYS[month - 1] + (leap && month === 2 ? 1 : 0);
}

const integer = (low, high) => (value) => Number.isInteger(value) && low <= value && value <= high;
const isId = integer(1, Number.MAX_SAFE_INTEGER);
const text = (low, high) => (value) =>
  typeof value === "string" && low <= characters(value) && characters(value) <= high;
const matching = (pattern) => (value) => typeof value === "string" && pattern.test(value);
const nullOr = (test) => (value) => value === null || test(value);
const isName = (value) => typeof value === "string" && text(1, 200)(normalised(value));

const array = (low, high, element) => ({ low, high, element });
const object = (members, ...optional) => ({ members, optional });
const LINE = object(
  {
    sku: matching(/^[A-Za-z0-9._-]{1,40}$/),
    quantity: integer(1, MAX_QUANTITY),
    price: integer(0, MAX_PRICE),
    tags: array(0, MAX_TAGS, text(1, 30)),
  },
  "tags",
);
const ORDER = object(
  {
    id: isId,
    placed: isMoment,
    status: matching(/^(?:open|paid|shipped|refunded|cancelled)$/),
    customer: object({ id: isId, name: isName }),
    lines: array(1, MAX_LINES, LINE),
    channel: nullOr(text(1, 30)),
    note: nullOr(text(0, 2_000)),
  },
  "channel",
  "note",
);
const BATCH = object({
  batch: text(1, 64),
  currency: matching(/^[A-Z]{3}$/),
  orders: array(0, MAX_ORDERS, ORDER),
});

/** The pointers of all breaches of a shape, in the order of the spec. */
function* breaches(value, shape, pointer) {
  if (typeof shape === "function") {
    if (!shape(value)) {
      yield pointer;
    }
  } else if (shape.members) {
    yield* breachesOfObject(value, shape, pointer);
  } else if (!Array.isArray(value) || value.length < shape.low || value.length > shape.high) {
    yield pointer;
  } else {
    for (const [index, element] of value.entries()) {
      yield* breaches(element, shape.element, `${pointer}/${index}`);
    }
  }
}

function* breachesOfObject(value, shape, pointer) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    yield pointer;
    return;
  }
  for (const [name, member] of Object.entries(shape.members)) {
    if (Object.hasOwn(value, name)) {
      yield* breaches(value[name], member, `${pointer}/${name}`);
    } else if (!shape.optional.includes(name)) {
      yield `${pointer}/${name}`;
    }
  }
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(shape.members, name)) {
      yield `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    }
  }
}
