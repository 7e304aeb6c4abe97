// The transform with JSON.parse, tuned (spec/statement.md). docs/peers.md says what each idea brought.
//
// A document is read as Latin-1, one UTF-16 unit per byte. V8 stores and parses such strings at half the size, and
// comparing them compares UTF-8 bytes, so code points. The answer is encoded as Latin-1 too, which restores the bytes.
// Only a document with \u escapes is decoded; its strings are encoded again as UTF-8 bytes.

import { isUtf8 } from "node:buffer";

import {
  InvalidDocument,
  judge,
  MalformedDocument,
  MAX_LINES,
  MAX_ORDERS,
  MAX_PRICE,
  MAX_QUANTITY,
  MAX_TAGS,
} from "./errors.mjs";

const MAX = Number.MAX_SAFE_INTEGER;
const KEYED = 7; // first characters of a sku that a number holds, seven bits each
const FEW = 24; // lines: up to this number they are sorted by insertion
const IS_SKU = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") {
  IS_SKU[character.charCodeAt(0)] = 1;
}
const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const TO_ESCAPE = /["\\\x00-\x1f]/; // eslint-disable-line no-control-regex

/** Answer the bytes of a batch with the bytes of its statement, as a string of one UTF-16 unit per byte.
 *
 * Throws MalformedDocument or InvalidDocument.
 */
export function transform(document) {
  try {
    if (!isUtf8(document)) {
      throw new MalformedDocument("not UTF-8");
    }
    const bytes = document.latin1Slice();
    return bytes.includes("\\u") ? summarise(JSON.parse(document.utf8Slice()), encode) : summarise(JSON.parse(bytes), same);
  } catch (error) {
    if (!(error instanceof InvalidDocument)) {
      judge(document);
    }
    throw error; // `judge` found no breach: a bug of this module
  }
}

const same = (text) => text;

/** A decoded string as its UTF-8 bytes, one unit each. */
function encode(text) {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) {
      check(text.isWellFormed());
      return Buffer.from(text).latin1Slice();
    }
  }
  return text;
}

/** The sums of one customer's orders, and all their lines. */
class Customer {
  constructor(id, placed) {
    this.id = id;
    this.name = "";
    this.orders = 0;
    this.first = placed;
    this.last = placed;
    this.units = 0;
    this.gross = 0;
    this.refunded = 0;
    this.open = 0;
    this.lines = [];
    this.tags = null;
    this.channels = null;
  }
}

/** A line; `key` is the beginning of the sku as a number that sorts like it. */
class Line {
  constructor(sku, key, units, amount) {
    this.sku = sku;
    this.key = key;
    this.units = units;
    this.amount = amount;
  }
}

function summarise(batch, encoded) {
  const { currency, orders } = batch;
  const name = checkText(batch.batch, 64, encoded);
  check(typeof currency === "string" && /^[A-Z]{3}$/.test(currency));
  check(Array.isArray(orders) && orders.length <= MAX_ORDERS && countMembers(batch) === 3);
  const customers = new Map();
  const seen = new Seen();
  const cancelled = [];
  for (let index = 0; index < orders.length; index++) {
    const order = orders[index];
    const { id, placed, status, customer: buyer, lines } = order;
    check(isId(id) && isMoment(placed) && isId(buyer.id) && countMembers(buyer) === 2);
    const buyerName = checkName(buyer.name, encoded);
    const channel = checkRest(order, encoded);
    const isNew = seen.add(id);
    if (!isNew || status === "cancelled") {
      check(isStatus(status));
      addLines(lines, null, encoded);
      if (isNew) {
        cancelled.push(id);
      }
      continue;
    }
    let customer = customers.get(buyer.id);
    if (customer === undefined) {
      customer = new Customer(buyer.id, placed);
      customers.set(buyer.id, customer);
    }
    addOrder(customer, status, placed, buyerName, channel, addLines(lines, customer, encoded));
  }
  const counts = { orders: seen.count, duplicates: orders.length - seen.count };
  return writeAnswer(name, currency, counts, cancelled, [...customers.values()]);
}

/** The ids so far. As long as they ascend, none is looked up. */
class Seen {
  count = 0;
  last = 0;
  ids = [];
  set = null;

  add(id) {
    if (this.set === null) {
      if (id > this.last) {
        this.last = id;
        this.ids.push(id);
        this.count++;
        return true;
      }
      this.set = new Set(this.ids);
    }
    if (this.set.has(id)) {
      return false;
    }
    this.set.add(id);
    this.count++;
    return true;
  }
}

function addOrder(customer, status, placed, name, channel, amount) {
  if (status === "open") {
    customer.open += amount;
  } else {
    check(status === "paid" || status === "shipped" || status === "refunded");
    customer.gross += amount;
    if (status === "refunded") {
      customer.refunded += amount;
    }
  }
  customer.name = name;
  customer.orders++;
  if (placed < customer.first) {
    customer.first = placed;
  } else if (placed > customer.last) {
    customer.last = placed;
  }
  if (channel !== null) {
    customer.channels ??= new Map();
    customer.channels.set(channel, (customer.channels.get(channel) ?? 0) + 1);
  }
}

/** Check lines and add them to `customer`, unless that is null; return their amount. */
function addLines(lines, customer, encoded) {
  check(Array.isArray(lines) && lines.length >= 1 && lines.length <= MAX_LINES);
  let total = 0;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index];
    const { sku, quantity, price, tags } = line;
    const key = keyOf(sku);
    check(Number.isInteger(quantity) && quantity >= 1 && quantity <= MAX_QUANTITY);
    check(Number.isInteger(price) && price >= 0 && price <= MAX_PRICE);
    if (tags === undefined) {
      check(countMembers(line) === 3);
    } else {
      check(countMembers(line) === 4);
      addTags(tags, customer, encoded);
    }
    if (customer !== null) {
      const amount = quantity * price;
      total += amount;
      customer.units += quantity;
      customer.lines.push(new Line(sku, key, quantity, amount));
    }
  }
  return total;
}

function addTags(tags, customer, encoded) {
  check(Array.isArray(tags) && tags.length <= MAX_TAGS);
  for (let index = 0; index < tags.length; index++) {
    const tag = checkText(tags[index], 30, encoded);
    if (customer !== null) {
      (customer.tags ??= new Set()).add(tag);
    }
  }
}

/** Check an order's optional members and the number of its members; return its channel, or null. */
function checkRest(order, encoded) {
  const { channel, note } = order;
  if (typeof note === "string") {
    const bytes = encoded(note);
    check(bytes.length <= 2_000 || characters(bytes) <= 2_000);
  } else {
    check(note === undefined || note === null);
  }
  check(countMembers(order) === 5 + (channel === undefined ? 0 : 1) + (note === undefined ? 0 : 1));
  return channel === undefined || channel === null ? null : checkText(channel, 30, encoded);
}

/** Tell whether a string is a real date and time in the spec's form: digit by digit, faster than a pattern. */
function isMoment(value) {
  if (typeof value !== "string" || value.length !== 20) {
    return false;
  }
  const year = parsePair(value, 0) * 100 + parsePair(value, 2);
  const month = parsePair(value, 5);
  const day = parsePair(value, 8);
  const isFormed =
    value.charCodeAt(4) === 0x2d && value.charCodeAt(7) === 0x2d && value.charCodeAt(10) === 0x54 &&
    value.charCodeAt(13) === 0x3a && value.charCodeAt(16) === 0x3a && value.charCodeAt(19) === 0x5a; // prettier-ignore
  const isTime = parsePair(value, 11) <= 23 && parsePair(value, 14) <= 59 && parsePair(value, 17) <= 59;
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= DAYS[month];
  const isLeapDay = month === 2 && day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return isFormed && isTime && year >= 1 && year <= 9999 && (isDay || isLeapDay);
}

/** The number of two digits, or a number above 99 if two digits do not stand there. */
function parsePair(text, at) {
  const tens = text.charCodeAt(at) - 0x30;
  const ones = text.charCodeAt(at + 1) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 1e6;
}

function isId(value) {
  return Number.isInteger(value) && value >= 1 && value <= MAX;
}

function isStatus(value) {
  return value === "cancelled" || value === "open" || value === "paid" || value === "shipped" || value === "refunded";
}

/** Check a string of 1 to `most` characters; return its bytes. */
function checkText(value, most, encoded) {
  check(typeof value === "string" && value.length > 0);
  const bytes = encoded(value);
  check(bytes.length <= most || characters(bytes) <= most);
  return bytes;
}

/** The number of code points of a string's bytes: all but continuation bytes. */
function characters(bytes) {
  let count = 0;
  for (let index = 0; index < bytes.length; index++) {
    count += (bytes.charCodeAt(index) & 0xc0) === 0x80 ? 0 : 1;
  }
  return count;
}

/** Check a name; return its normalised bytes. Most names need no change. */
function checkName(value, encoded) {
  check(typeof value === "string");
  const bytes = /^[ \t-\r]|[\t-\r]|  | $/.test(value) ? normalise(encoded(value)) : encoded(value);
  check(bytes.length >= 1 && (bytes.length <= 200 || characters(bytes) <= 200));
  return bytes;
}

function normalise(bytes) {
  return bytes.replace(/[ \t-\r]+/g, " ").replace(/^ | $/g, "");
}

/** Check a sku; return its first characters as a number that sorts like them. */
function keyOf(sku) {
  check(typeof sku === "string" && sku.length >= 1 && sku.length <= 40);
  let key = 0;
  for (let index = 0; index < sku.length; index++) {
    const unit = sku.charCodeAt(index);
    check(unit < 128 && IS_SKU[unit] === 1);
    if (index < KEYED) {
      key = key * 128 + unit;
    }
  }
  for (let index = sku.length; index < KEYED; index++) {
    key *= 128;
  }
  return key;
}

function countMembers(object) {
  let count = 0;
  for (const _ in object) {
    count++;
  }
  return count;
}

function check(holds) {
  if (!holds) {
    throw new TypeError("a rule is broken");
  }
}

// --- writing the answer -------------------------------------------------------------------------------------------

function writeAnswer(name, currency, counts, cancelled, customers) {
  customers.sort(byNet);
  let [units, gross, refunded, open] = [0, 0, 0, 0];
  const texts = new Map();
  let text = `{"batch":${quote(name)},"currency":"${currency}","orders":${counts.orders}`;
  text += `,"duplicates":${counts.duplicates},"cancelled":[${cancelled.sort((a, b) => a - b).join()}],"customers":[`;
  for (let index = 0; index < customers.length; index++) {
    const customer = customers[index];
    text += index === 0 ? writeStatement(customer, texts) : "," + writeStatement(customer, texts);
    units += customer.units;
    gross += customer.gross;
    refunded += customer.refunded;
    open += customer.open;
  }
  if (gross + open > MAX) {
    throw new InvalidDocument("/orders");
  }
  text += `],"totals":{"customers":${customers.length},"units":${units},"gross":${gross},"refunded":${refunded}`;
  return text + `,"open":${open},"net":${gross - refunded}}}`;
}

function byNet(a, b) {
  return b.gross - b.refunded - (a.gross - a.refunded) || a.id - b.id;
}

function writeStatement(customer, texts) {
  const { gross, refunded } = customer;
  let text = `{"id":${customer.id},"name":${quote(customer.name)},"orders":${customer.orders}`;
  text += `,"first":"${customer.first}","last":"${customer.last}","units":${customer.units},"gross":${gross}`;
  text += `,"refunded":${refunded},"open":${customer.open},"net":${gross - refunded},"skus":[`;
  text += writeSkus(customer.lines) + '],"tags":[';
  if (customer.tags !== null) {
    const tags = [...customer.tags].sort();
    for (let index = 0; index < tags.length; index++) {
      text += index === 0 ? quoteOnce(tags[index], texts) : "," + quoteOnce(tags[index], texts);
    }
  }
  text += '],"channels":[';
  if (customer.channels !== null) {
    const channels = [...customer.channels.keys()].sort();
    for (let index = 0; index < channels.length; index++) {
      const channel = channels[index];
      text += index === 0 ? '{"channel":' : ',{"channel":';
      text += quoteOnce(channel, texts) + ',"orders":' + customer.channels.get(channel) + "}";
    }
  }
  return text + "]}";
}

/** Merge the lines by sku: sorted, lines of one sku are neighbours. */
function writeSkus(lines) {
  sort(lines);
  let text = "";
  for (let index = 0; index < lines.length; ) {
    const line = lines[index];
    let { units, amount } = line;
    for (index++; index < lines.length && lines[index].key === line.key && lines[index].sku === line.sku; index++) {
      units += lines[index].units;
      amount += lines[index].amount;
    }
    text += text === "" ? '{"sku":"' : ',{"sku":"';
    text += line.sku + '","units":' + units + ',"amount":' + amount + "}";
  }
  return text;
}

function sort(lines) {
  if (lines.length > FEW) {
    lines.sort(bySku);
    return;
  }
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index];
    let place = index;
    while (place > 0 && bySku(lines[place - 1], line) > 0) {
      lines[place] = lines[place - 1];
      place--;
    }
    lines[place] = line;
  }
}

function bySku(a, b) {
  if (a.key !== b.key) {
    return a.key < b.key ? -1 : 1;
  }
  return a.sku < b.sku ? -1 : a.sku > b.sku ? 1 : 0;
}

function quoteOnce(text, texts) {
  let found = texts.get(text);
  if (found === undefined) {
    found = quote(text);
    texts.set(text, found);
  }
  return found;
}

function quote(text) {
  return TO_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}
