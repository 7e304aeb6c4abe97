// The transform over the bytes (spec/statement.md): one pass that parses, checks and adds up.
//
// It parses the compact form: members in the order of the spec's table, no white space between tokens. A document in
// any other form, or with a breach, falls back to the expert core. Between calls only the arrays of room.mjs are kept;
// no call reads what an earlier one stored.
//
// Parsers take the position at which they begin. They return the position behind what they parsed, or NONE: fall back.

import { isUtf8 } from "node:buffer";

import { MAX_LINES, MAX_ORDERS, MAX_QUANTITY, MAX_TAGS } from "./errors.mjs";
import { transform as fallBack } from "./expert.mjs";
import { Room } from "./room.mjs";
import { writeAnswer } from "./writer.mjs";

const MAX = Number.MAX_SAFE_INTEGER;
const KEPT = 4 * 2 ** 20; // bytes of a document: room for larger ones is not kept
const NONE = -1;

const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const CLOSE = 0x5d;
const CLOSE_BRACE = 0x7d;

const IS_SKU = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") {
  IS_SKU[character.charCodeAt(0)] = 1;
}
const DAYS = new Uint8Array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);

const bytesOf = (text) => new Uint8Array(Buffer.from(text));
const four = (text) => Buffer.from(text).readInt32LE();
const fours = (text) => text.match(/.{4}/g).map(four); // a rest of fewer than four characters is left out

const BATCH = bytesOf('{"batch":"');
const CURRENCY = bytesOf('","currency":"');
const ORDERS = bytesOf('","orders":[');
const ID = bytesOf('{"id":');
const PLACED = bytesOf(',"placed":"');
const STATUS = bytesOf('","status":"');
const CUSTOMER = bytesOf('","customer":{"id":');
const NAME = bytesOf(',"name":"');
const LINES = bytesOf('"},"lines":[');
const CHANNEL = bytesOf(',"channel":');
const NOTE = bytesOf(',"note":');
const NULL = "null";
const NULL_1 = four(NULL);

// The literals of most of a document's bytes are compared four bytes at a time, in place: a call that the compiler does
// not inline costs more than the comparison.
const SKU = '{"sku":"';
const [SKU_1, SKU_2] = fours(SKU);
const QUANTITY = '","quantity":';
const [QUANTITY_1, QUANTITY_2, QUANTITY_3] = fours(QUANTITY);
const PRICE = ',"price":';
const [PRICE_1, PRICE_2] = fours(PRICE);
const TAGS = ',"tags":[';
const [TAGS_1, TAGS_2] = fours(TAGS);
const [OPEN, PAID] = [four("open"), four("paid")];
const [SHIP, PED] = fours('shipped"');
const [REFU, NDED] = fours("refunded");
const [CANC, ELLE] = fours("cancelled");
const MOMENT = "YYYY-MM-DDThh:mm:ssZ";

let room = new Room(0);

/** Answer the bytes of a batch with the bytes of its statement, as a string of one UTF-16 unit per byte.
 *
 * Throws MalformedDocument or InvalidDocument.
 */
export function transform(document) {
  if (isUtf8(document)) {
    if (document.length > room.length) {
      room = new Room(document.length);
    }
    const mine = room;
    if (room.length > KEPT) {
      room = new Room(0);
    }
    mine.take(document);
    if (parseDocument(mine, document.length)) {
      return writeAnswer(mine);
    }
  }
  return fallBack(document);
}

/** Parse a document into `room`; return false to fall back. */
function parseDocument(room, end) {
  const { work, view } = room;
  let at = match(work, 0, BATCH);
  if (at === NONE) {
    return false;
  }
  at = parseString(room, at, 1, 64);
  if (at === NONE) {
    return false;
  }
  room.batchStart = room.textStart;
  room.batchLength = room.textLength;
  room.batchEscaped = room.textEscaped;
  at = match(work, at, CURRENCY);
  if (at === NONE) {
    return false;
  }
  room.currency = at;
  for (let index = 0; index < 3; index++, at++) {
    if (work[at] < 0x41 || work[at] > 0x5a) {
      return false;
    }
  }
  at = match(work, at, ORDERS);
  if (at === NONE) {
    return false;
  }
  if (work[at] === CLOSE) {
    at++;
  } else {
    for (;;) {
      at = parseOrder(room, work, view, at);
      if (at === NONE || ++room.orders > MAX_ORDERS) {
        return false;
      }
      if (work[at] !== COMMA) {
        break;
      }
      at++;
    }
    if (work[at++] !== CLOSE) {
      return false;
    }
  }
  return work[at] === CLOSE_BRACE && at + 1 === end;
}

/** Return the position behind a literal, or NONE. */
function match(work, at, literal) {
  for (let index = 0; index < literal.length; index++) {
    if (work[at + index] !== literal[index]) {
      return NONE;
    }
  }
  return at + literal.length;
}

/** Parse an order and add it up. */
function parseOrder(room, work, view, at) {
  at = match(work, at, ID);
  if (at === NONE) {
    return NONE;
  }
  at = parseId(room, work, at);
  const number = room.number;
  if (at === NONE) {
    return NONE;
  }
  const placed = match(work, at, PLACED);
  if (placed === NONE) {
    return NONE;
  }
  const moment = parseMoment(work, placed);
  if (moment < 0) {
    return NONE;
  }
  at = match(work, placed + MOMENT.length, STATUS);
  if (at === NONE) {
    return NONE;
  }
  const status = view.getInt32(at, true); // its first four letters
  if (status === PAID || status === OPEN) {
    at += "paid".length;
  } else if (status === SHIP && view.getInt32(at + 4, true) === PED) {
    at += "shipped".length;
  } else if (status === REFU && view.getInt32(at + 4, true) === NDED) {
    at += "refunded".length;
  } else if (status === CANC && view.getInt32(at + 4, true) === ELLE && work[at + 8] === 0x64) {
    at += "cancelled".length;
  } else {
    return NONE;
  }
  const buyerStart = match(work, at, CUSTOMER);
  if (buyerStart === NONE) {
    return NONE;
  }
  at = parseId(room, work, buyerStart);
  const buyer = room.number;
  const buyerLength = at - buyerStart;
  if (at === NONE) {
    return NONE;
  }
  at = match(work, at, NAME);
  if (at === NONE) {
    return NONE;
  }
  at = parseName(room, work, at);
  const nameStart = room.textStart;
  const nameLength = room.textLength;
  const nameSlow = room.textEscaped;
  if (at === NONE) {
    return NONE;
  }
  at = match(work, at, LINES);
  if (at === NONE) {
    return NONE;
  }

  const isNew = room.isNew(number);
  const customer = isNew && status !== CANC ? room.customerOf(buyer, buyerStart, buyerLength, moment, placed) : NONE;
  at = parseLines(room, work, view, at, customer);
  if (at === NONE) {
    return NONE;
  }
  let channel = NONE;
  const value = work[at] === COMMA ? match(work, at, CHANNEL) : NONE;
  if (value !== NONE) {
    at = value;
    if (view.getInt32(at, true) === NULL_1) {
      at += NULL.length;
    } else if (work[at] === QUOTE) {
      at = parseWord(room, work, at + 1);
      if (at === NONE) {
        return NONE;
      }
      channel = room.word;
    } else {
      return NONE;
    }
  }
  if (work[at] === COMMA) {
    at = parseNote(room, work, view, at);
    if (at === NONE) {
      return NONE;
    }
  }
  if (work[at] !== CLOSE_BRACE) {
    return NONE;
  }
  if (customer !== NONE) {
    addOrder(room, customer, status, moment, placed, channel);
    room.customerName[customer] = nameStart;
    room.customerNameLength[customer] = nameLength;
    room.customerNameSlow[customer] = nameSlow;
  } else if (isNew) {
    room.cancelled.push(number);
  }
  return at + 1;
}

function addOrder(room, customer, status, moment, placed, channel) {
  const amount = room.amount;
  if (status === OPEN) {
    room.customerOpen[customer] += amount;
  } else {
    room.customerGross[customer] += amount;
    if (status === REFU) {
      room.customerRefunded[customer] += amount;
    }
  }
  room.customerUnits[customer] += room.units;
  room.customerOrders[customer]++;
  if (moment < room.customerFirst[customer]) {
    room.customerFirst[customer] = moment;
    room.customerFirstStart[customer] = placed;
  } else if (moment > room.customerLast[customer]) {
    room.customerLast[customer] = moment;
    room.customerLastStart[customer] = placed;
  }
  if (channel !== NONE) {
    room.countPair(customer, channel, room.customerChannels);
  }
}

/** Parse an id into `room.number`. */
function parseId(room, work, at) {
  const start = at;
  let high = 0;
  let low = 0;
  let digit = work[at] - ZERO;
  if (digit < 1 || digit > 9) {
    return NONE;
  }
  for (; digit >= 0 && digit <= 9 && at - start < 8; digit = work[++at] - ZERO) {
    high = high * 10 + digit;
  }
  let scale = 1;
  for (; digit >= 0 && digit <= 9 && at - start < 16; digit = work[++at] - ZERO) {
    low = low * 10 + digit;
    scale *= 10;
  }
  room.number = scale === 1 ? high : high * scale + low;
  return room.number <= MAX && !(digit >= 0 && digit <= 9) ? at : NONE;
}

/** The moment at `at` as a number that sorts like it, or −1. */
function parseMoment(work, at) {
  const century = parsePair(work, at);
  const year = century * 100 + parsePair(work, at + 2);
  const month = parsePair(work, at + 5);
  const day = parsePair(work, at + 8);
  const hour = parsePair(work, at + 11);
  const minute = parsePair(work, at + 14);
  const second = parsePair(work, at + 17);
  const isFormed =
    work[at + 4] === 0x2d && work[at + 7] === 0x2d && work[at + 10] === 0x54 &&
    work[at + 13] === 0x3a && work[at + 16] === 0x3a && work[at + 19] === 0x5a; // prettier-ignore
  if (!isFormed || century > 99 || year < 1 || year > 9999 || month < 1 || month > 12 || day < 1) {
    return -1;
  }
  if (day > DAYS[month] && !(month === 2 && day === 29 && isLeap(year))) {
    return -1;
  }
  if (hour > 23 || minute > 59 || second > 59) {
    return -1;
  }
  return ((year * 100 + month) * 100 + day) * 1e6 + (hour * 100 + minute) * 100 + second;
}

function isLeap(year) {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** The number of two digits, or a number above 99 if two digits do not stand there. */
function parsePair(work, at) {
  const tens = work[at] - ZERO;
  const ones = work[at + 1] - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 1e6;
}

/** Parse lines and add them to a customer, unless that is NONE; their sums go to `room`. */
function parseLines(room, work, view, at, customer) {
  let amounts = 0;
  let units = 0;
  for (let count = 1; ; count++) {
    if (view.getInt32(at, true) !== SKU_1 || view.getInt32(at + 4, true) !== SKU_2) {
      return NONE;
    }
    const start = at + SKU.length;
    at = start;
    let hash = 0;
    while (IS_SKU[work[at]] === 1) {
      hash = Math.imul(hash ^ work[at], 0x01000193);
      at++;
    }
    const length = at - start;
    if (length < 1 || length > 40) {
      return NONE;
    }
    if (
      view.getInt32(at, true) !== QUANTITY_1 || view.getInt32(at + 4, true) !== QUANTITY_2 ||
      view.getInt32(at + 8, true) !== QUANTITY_3 || work[at + 12] !== 0x3a // prettier-ignore
    ) {
      return NONE;
    }
    at += QUANTITY.length;
    let quantity = work[at] - ZERO;
    if (quantity < 1 || quantity > 9) {
      return NONE;
    }
    let digit = work[++at] - ZERO;
    while (digit >= 0 && digit <= 9 && quantity <= MAX_QUANTITY) {
      quantity = quantity * 10 + digit;
      digit = work[++at] - ZERO;
    }
    if (quantity > MAX_QUANTITY || view.getInt32(at, true) !== PRICE_1 || view.getInt32(at + 4, true) !== PRICE_2) {
      return NONE;
    }
    at += PRICE.length;
    let price = work[at] - ZERO;
    if (work[at - 1] !== 0x3a || price < 0 || price > 9) {
      return NONE;
    }
    digit = work[++at] - ZERO;
    while (digit >= 0 && digit <= 9) {
      if (price === 0 || price > 99_999_999) {
        return NONE; // a leading zero, or ten digits
      }
      price = price * 10 + digit;
      digit = work[++at] - ZERO;
    }
    if (customer !== NONE) {
      const amount = quantity * price;
      amounts += amount;
      units += quantity;
      if (!room.addLine(customer, hash, start, length, quantity, amount)) {
        return NONE;
      }
    }
    if (work[at] === COMMA) {
      at = parseTags(room, work, view, at, customer);
      if (at === NONE) {
        return NONE;
      }
    }
    if (work[at] !== CLOSE_BRACE) {
      return NONE;
    }
    const next = work[++at];
    at++;
    if (next === CLOSE) {
      break;
    }
    if (next !== COMMA || count === MAX_LINES) {
      return NONE;
    }
  }
  room.amount = amounts;
  room.units = units;
  return at;
}

/** Parse the member `tags`. */
function parseTags(room, work, view, at, customer) {
  if (view.getInt32(at, true) !== TAGS_1 || view.getInt32(at + 4, true) !== TAGS_2 || work[at + 8] !== 0x5b) {
    return NONE;
  }
  at += TAGS.length;
  if (work[at] === CLOSE) {
    return at + 1;
  }
  for (let count = 1; work[at] === QUOTE && count <= MAX_TAGS; count++) {
    at = parseWord(room, work, at + 1);
    if (at === NONE) {
      return NONE;
    }
    if (customer !== NONE && !room.countPair(customer, room.word, room.customerTags)) {
      return NONE;
    }
    const next = work[at++];
    if (next === CLOSE) {
      return at;
    }
    if (next !== COMMA) {
      return NONE;
    }
  }
  return NONE;
}

/** Parse a tag or channel from behind its opening quote into `room.word`. */
function parseWord(room, work, at) {
  const start = at;
  let hash = 0;
  let byte = work[at];
  while (byte !== QUOTE && byte !== BACKSLASH && byte >= 0x20) {
    hash = Math.imul(hash ^ byte, 0x01000193);
    byte = work[++at];
  }
  if (byte === QUOTE) {
    const length = at - start;
    if (length < 1 || (length > 30 && room.characters(start, length) > 30)) {
      return NONE;
    }
    return room.findWord(hash, start, length, false) ? at + 1 : NONE;
  }
  at = parseString(room, start, 1, 30);
  if (at === NONE) {
    return NONE;
  }
  hash = 0;
  for (let index = room.textStart; index < room.textStart + room.textLength; index++) {
    hash = Math.imul(hash ^ work[index], 0x01000193);
  }
  return room.findWord(hash, room.textStart, room.textLength, true) ? at + 1 : NONE;
}

/** Parse a string of `least` to `most` characters from behind its opening quote; return where its closing quote stands.
 *
 * `room.textStart` and `room.textLength` locate the unescaped string.
 */
function parseString(room, at, least, most) {
  const { work } = room;
  const start = at;
  let byte = work[at];
  while (byte !== QUOTE && byte !== BACKSLASH && byte >= 0x20) {
    byte = work[++at];
  }
  if (byte === QUOTE) {
    room.textStart = start;
    room.textLength = at - start;
    room.textEscaped = 0;
  } else {
    at = byte === BACKSLASH ? room.unescape(start, at) : NONE;
    if (at === NONE) {
      return NONE;
    }
  }
  const { textLength } = room;
  return textLength >= least && (textLength <= most || room.characters(room.textStart, textLength) <= most) ? at : NONE;
}

/** Parse a name, like `parseString`. `room.textEscaped` is set if it must be normalised or escaped when written. */
function parseName(room, work, at) {
  const start = at;
  let last = 0x20;
  let slow = 0;
  let byte = work[at];
  while (byte !== QUOTE && byte !== BACKSLASH && byte >= 0x20) {
    if (byte === 0x20 && last === 0x20) {
      slow = 1;
    }
    last = byte;
    byte = work[++at];
  }
  if (byte === QUOTE && slow === 0 && last !== 0x20) {
    room.textStart = start;
    room.textLength = at - start;
    room.textEscaped = 0;
    return room.textLength <= 200 || room.characters(start, at - start) <= 200 ? at : NONE;
  }
  at = parseString(room, start, 1, MAX);
  if (at === NONE) {
    return NONE;
  }
  room.textEscaped = 1;
  const characters = room.normalisedCharacters(room.textStart, room.textLength);
  return characters >= 1 && characters <= 200 ? at : NONE;
}

/** Parse the member `note`. It is checked and not kept. */
function parseNote(room, work, view, at) {
  at = match(work, at, NOTE);
  if (at === NONE) {
    return NONE;
  }
  if (view.getInt32(at, true) === NULL_1) {
    return at + NULL.length;
  }
  if (work[at] !== QUOTE) {
    return NONE;
  }
  const before = room.pool;
  at = parseString(room, at + 1, 0, 2_000);
  room.pool = before; // frees what was unescaped
  return at === NONE ? NONE : at + 1;
}
