// The transform in ordinary code: JSON.parse, plain objects and Maps, JSON.stringify (spec/statement.md).

import { isUtf8 } from "node:buffer";

import {
  characters,
  InvalidDocument,
  isMoment,
  judge,
  MalformedDocument,
  MAX_LINES,
  MAX_ORDERS,
  MAX_PRICE,
  MAX_QUANTITY,
  MAX_TAGS,
  normalised,
} from "./errors.mjs";

const STATUSES = new Set(["open", "paid", "shipped", "refunded", "cancelled"]);
const SKU = /^[A-Za-z0-9._-]{1,40}$/;

/** Answer the bytes of a batch with the bytes of its statement. Throws MalformedDocument or InvalidDocument. */
export function transform(document) {
  let statement;
  try {
    statement = summarise(parse(document));
  } catch (error) {
    judge(document);
    throw error; // `judge` found no breach: a bug of this module
  }
  if (statement.totals.gross + statement.totals.open > Number.MAX_SAFE_INTEGER) {
    throw new InvalidDocument("/orders");
  }
  return Buffer.from(JSON.stringify(statement));
}

function parse(document) {
  if (!isUtf8(document)) {
    throw new MalformedDocument("not UTF-8");
  }
  return JSON.parse(document.toString());
}

/** The statement of a parsed batch. */
function summarise(batch) {
  const { batch: name, currency, orders } = batch;
  check(isText(name, 1, 64) && /^[A-Z]{3}$/.test(currency) && typeof currency === "string");
  check(Array.isArray(orders) && orders.length <= MAX_ORDERS && Object.keys(batch).length === 3);
  const seen = new Set();
  const cancelled = [];
  const customers = new Map();
  for (const order of orders) {
    checkOrder(order);
    if (seen.has(order.id)) {
      continue;
    }
    seen.add(order.id);
    if (order.status === "cancelled") {
      cancelled.push(order.id);
      continue;
    }
    let customer = customers.get(order.customer.id);
    if (customer === undefined) {
      customer = new Customer(order.customer.id, order.placed);
      customers.set(order.customer.id, customer);
    }
    customer.add(order);
  }
  const statements = [...customers.values()].map((customer) => customer.statement());
  statements.sort((a, b) => b.net - a.net || a.id - b.id);
  const total = (member) => statements.reduce((sum, statement) => sum + statement[member], 0);
  return {
    batch: name,
    currency,
    orders: seen.size,
    duplicates: orders.length - seen.size,
    cancelled: cancelled.sort((a, b) => a - b),
    customers: statements,
    totals: {
      customers: statements.length,
      units: total("units"),
      gross: total("gross"),
      refunded: total("refunded"),
      open: total("open"),
      net: total("net"),
    },
  };
}

/** The sums of one customer's orders. */
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
    this.skus = new Map();
    this.tags = new Set();
    this.channels = new Map();
  }

  add(order) {
    const amount = this.addLines(order.lines);
    if (order.status === "open") {
      this.open += amount;
    } else {
      this.gross += amount;
      if (order.status === "refunded") {
        this.refunded += amount;
      }
    }
    this.name = order.customer.name;
    this.orders++;
    if (order.placed < this.first) {
      this.first = order.placed;
    } else if (order.placed > this.last) {
      this.last = order.placed;
    }
    const { channel } = order;
    if (channel !== undefined && channel !== null) {
      this.channels.set(channel, (this.channels.get(channel) ?? 0) + 1);
    }
  }

  addLines(lines) {
    let total = 0;
    for (const { sku, quantity, price, tags } of lines) {
      const amount = quantity * price;
      total += amount;
      this.units += quantity;
      const entry = this.skus.get(sku);
      if (entry === undefined) {
        this.skus.set(sku, { sku, units: quantity, amount });
      } else {
        entry.units += quantity;
        entry.amount += amount;
      }
      for (const tag of tags ?? []) {
        this.tags.add(tag);
      }
    }
    return total;
  }

  statement() {
    return {
      id: this.id,
      name: normalised(this.name),
      orders: this.orders,
      first: this.first,
      last: this.last,
      units: this.units,
      gross: this.gross,
      refunded: this.refunded,
      open: this.open,
      net: this.gross - this.refunded,
      skus: [...this.skus.values()].sort((a, b) => (a.sku < b.sku ? -1 : 1)),
      tags: [...this.tags].sort(byCodePoint),
      channels: [...this.channels]
        .sort(([a], [b]) => byCodePoint(a, b))
        .map(([channel, orders]) => ({ channel, orders })),
    };
  }
}

/** Compare by code point: JavaScript compares UTF-16 units, in which surrogates sort before U+E000 to U+FFFF. */
function byCodePoint(a, b) {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    if (a.charCodeAt(index) !== b.charCodeAt(index)) {
      return a.codePointAt(index) - b.codePointAt(index);
    }
  }
  return a.length - b.length;
}

function checkOrder(order) {
  const { id, placed, status, customer, lines, channel, note } = order;
  check(isInteger(id, 1, Number.MAX_SAFE_INTEGER) && isMoment(placed) && STATUSES.has(status));
  check(isInteger(customer.id, 1, Number.MAX_SAFE_INTEGER) && Object.keys(customer).length === 2);
  check(typeof customer.name === "string" && isText(normalised(customer.name), 1, 200));
  check(Array.isArray(lines) && lines.length >= 1 && lines.length <= MAX_LINES);
  lines.forEach(checkLine);
  check(channel === undefined || channel === null || isText(channel, 1, 30));
  check(note === undefined || note === null || isText(note, 0, 2_000));
  check(Object.keys(order).length === 5 + (channel !== undefined) + (note !== undefined));
}

function checkLine(line) {
  const { sku, quantity, price, tags } = line;
  check(typeof sku === "string" && SKU.test(sku));
  check(isInteger(quantity, 1, MAX_QUANTITY) && isInteger(price, 0, MAX_PRICE));
  check(tags === undefined || (Array.isArray(tags) && tags.length <= MAX_TAGS));
  check((tags ?? []).every((tag) => isText(tag, 1, 30)));
  check(Object.keys(line).length === (tags === undefined ? 3 : 4));
}

function isInteger(value, low, high) {
  return Number.isInteger(value) && low <= value && value <= high;
}

function isText(value, low, high) {
  return typeof value === "string" && value.length >= low && characters(value) <= high && value.isWellFormed();
}

function check(holds) {
  if (!holds) {
    throw new TypeError("a rule is broken");
  }
}
