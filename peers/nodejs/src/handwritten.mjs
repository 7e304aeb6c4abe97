// The transform by hand, over the bytes (spec/statement.md): one pass that reads, checks and adds up as it goes.
//
// It reads the usual spelling: members in the order of the spec's table, no white space between tokens. Whatever else
// comes, and whatever is wrong, it leaves to the expert core. Nothing is kept between calls but room: the arrays of
// room.mjs hold nothing that a later call reads.

import { isUtf8 } from "node:buffer";

import { MAX_LINES, MAX_ORDERS, MAX_QUANTITY, MAX_TAGS } from "./errors.mjs";
import { transform as elsewhere } from "./expert.mjs";
import { Room } from "./room.mjs";
import { write } from "./writer.mjs";

const MAX = Number.MAX_SAFE_INTEGER;
const KEPT = 4 * 2 ** 20; // room for documents of up to so many bytes is kept
const NONE = -1; // where a position is returned: this is none of the usual spelling

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
const [SKU_1, SKU_2] = [four('{"sk'), four('u":"')];
const [QUANTITY_1, QUANTITY_2, QUANTITY_3] = [four('","q'), four("uant"), four('ity"')];
const [PRICE_1, PRICE_2] = [four(',"pr'), four('ice"')];
const [TAGS_1, TAGS_2] = [four(',"ta'), four('gs":')];
const NULL = four("null");
const [OPEN, PAID] = [four("open"), four("paid")];
const [SHIP, PED] = [four("ship"), four('ped"')];
const [REFU, NDED] = [four("refu"), four("nded")];
const [CANC, ELLE] = [four("canc"), four("elle")];

let room = new Room(0);

/** Answer the bytes of a batch with those of its statement, as a string of one unit a byte.
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
    if (read(mine, document.length)) {
      return write(mine);
    }
  }
  return elsewhere(document);
}

/** Whether a document is of the usual spelling, and right; then `room` holds what it adds up to. */
function read(room, end) {
  const { work, view } = room;
  if (!matches(work, 0, BATCH)) {
    return false;
  }
  let at = text(room, BATCH.length, 1, 64);
  if (at === NONE || !matches(work, at, CURRENCY)) {
    return false;
  }
  room.batchStart = room.textStart;
  room.batchLength = room.textLength;
  room.batchEscaped = room.textEscaped;
  at += CURRENCY.length;
  room.currency = at;
  for (let index = 0; index < 3; index++, at++) {
    if (work[at] < 0x41 || work[at] > 0x5a) {
      return false;
    }
  }
  if (!matches(work, at, ORDERS)) {
    return false;
  }
  at += ORDERS.length;
  if (work[at] === CLOSE) {
    at++;
  } else {
    for (;;) {
      at = order(room, work, view, at);
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

function matches(work, at, pattern) {
  for (let index = 0; index < pattern.length; index++) {
    if (work[at + index] !== pattern[index]) {
      return false;
    }
  }
  return true;
}

/** Read the order at `at` and add it up; the position behind it, or NONE. */
function order(room, work, view, at) {
  if (!matches(work, at, ID)) {
    return NONE;
  }
  const idStart = at + ID.length;
  at = id(room, work, idStart);
  const number = room.number;
  if (at === NONE || !matches(work, at, PLACED)) {
    return NONE;
  }
  const placed = at + PLACED.length;
  const moment = momentAt(work, placed);
  at = placed + 20;
  if (moment < 0 || !matches(work, at, STATUS)) {
    return NONE;
  }
  at += STATUS.length;
  const status = view.getInt32(at, true); // four letters tell it
  if (status === PAID || status === OPEN) {
    at += 4;
  } else if (status === SHIP && view.getInt32(at + 4, true) === PED) {
    at += 7;
  } else if (status === REFU && view.getInt32(at + 4, true) === NDED) {
    at += 8;
  } else if (status === CANC && view.getInt32(at + 4, true) === ELLE && work[at + 8] === 0x64) {
    at += 9;
  } else {
    return NONE;
  }
  if (!matches(work, at, CUSTOMER)) {
    return NONE;
  }
  const buyerStart = at + CUSTOMER.length;
  at = id(room, work, buyerStart);
  const buyer = room.number;
  const buyerLength = at - buyerStart;
  if (at === NONE || !matches(work, at, NAME)) {
    return NONE;
  }
  at = name(room, work, at + NAME.length);
  const nameStart = room.textStart;
  const nameLength = room.textLength;
  const nameSlow = room.textEscaped;
  if (at === NONE || !matches(work, at, LINES)) {
    return NONE;
  }
  at += LINES.length;

  const isNew = room.isNew(number);
  const customer = isNew && status !== CANC ? room.customer(buyer, buyerStart, buyerLength, moment, placed) : NONE;
  at = lines(room, work, view, at, customer);
  if (at === NONE) {
    return NONE;
  }
  let channel = NONE;
  if (work[at] === COMMA && matches(work, at, CHANNEL)) {
    at += CHANNEL.length;
    if (view.getInt32(at, true) === NULL) {
      at += 4;
    } else if (work[at] === QUOTE) {
      at = wordAt(room, work, at + 1);
      if (at === NONE) {
        return NONE;
      }
      channel = room.word;
    } else {
      return NONE;
    }
  }
  if (work[at] === COMMA) {
    at = note(room, work, view, at);
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
    room.pair(customer, channel, room.customerChannels);
  }
}

/** Read an id at `at` into `room.number`; the position behind it, or NONE. */
function id(room, work, at) {
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

/** The moment at `at` as a number that grows with it, or −1. */
function momentAt(work, at) {
  const century = two(work, at);
  const year = century * 100 + two(work, at + 2);
  const month = two(work, at + 5);
  const day = two(work, at + 8);
  const hour = two(work, at + 11);
  const minute = two(work, at + 14);
  const second = two(work, at + 17);
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

/** The number of two digits at `at`; far more than any where there are not two. */
function two(work, at) {
  const tens = work[at] - ZERO;
  const ones = work[at + 1] - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 1e6;
}

/** Read the lines at `at` for a customer, or for none; their sums go to `room`; the position behind, or NONE. */
function lines(room, work, view, at, customer) {
  let amounts = 0;
  let units = 0;
  for (let count = 1; ; count++) {
    if (view.getInt32(at, true) !== SKU_1 || view.getInt32(at + 4, true) !== SKU_2) {
      return NONE;
    }
    const start = at + 8;
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
    at += 13;
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
    at += 9;
    let price = work[at] - ZERO;
    if (work[at - 1] !== 0x3a || price < 0 || price > 9) {
      return NONE;
    }
    digit = work[++at] - ZERO;
    while (digit >= 0 && digit <= 9) {
      if (price === 0 || price > 99_999_999) {
        return NONE; // a leading zero, or ten digits: not the usual
      }
      price = price * 10 + digit;
      digit = work[++at] - ZERO;
    }
    if (customer !== NONE) {
      const amount = quantity * price;
      amounts += amount;
      units += quantity;
      if (!room.line(customer, hash, start, length, quantity, amount)) {
        return NONE;
      }
    }
    if (work[at] === COMMA) {
      at = tags(room, work, view, at, customer);
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

/** Read the member `tags` at `at`; the position behind it, or NONE. */
function tags(room, work, view, at, customer) {
  if (view.getInt32(at, true) !== TAGS_1 || view.getInt32(at + 4, true) !== TAGS_2 || work[at + 8] !== 0x5b) {
    return NONE;
  }
  at += 9;
  if (work[at] === CLOSE) {
    return at + 1;
  }
  for (let count = 1; work[at] === QUOTE && count <= MAX_TAGS; count++) {
    at = wordAt(room, work, at + 1);
    if (at === NONE) {
      return NONE;
    }
    if (customer !== NONE && !room.pair(customer, room.word, room.customerTags)) {
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

/** Read a tag or channel whose first byte is at `at`, and know it as `room.word`; the position behind its quote. */
function wordAt(room, work, at) {
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
    return room.know(hash, start, length, false) ? at + 1 : NONE;
  }
  at = text(room, start, 1, 30);
  if (at === NONE) {
    return NONE;
  }
  hash = 0;
  for (let index = room.textStart; index < room.textStart + room.textLength; index++) {
    hash = Math.imul(hash ^ work[index], 0x01000193);
  }
  return room.know(hash, room.textStart, room.textLength, true) ? at + 1 : NONE;
}

/** Read the string whose first byte is at `at`, of `least` to `most` characters; the position of its quote, or NONE.
 *
 * Where it is, or was put once unescaped, is told by `room.textStart` and `room.textLength`.
 */
function text(room, at, least, most) {
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

/** Read a name likewise; `room.textEscaped` is set where it is not yet as it is to be written. */
function name(room, work, at) {
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
  at = text(room, start, 1, MAX);
  if (at === NONE) {
    return NONE;
  }
  room.textEscaped = 1;
  const characters = room.normalisedCharacters(room.textStart, room.textLength);
  return characters >= 1 && characters <= 200 ? at : NONE;
}

/** Check the member `note` at `at`; the position behind it, or NONE. */
function note(room, work, view, at) {
  if (!matches(work, at, NOTE)) {
    return NONE;
  }
  at += NOTE.length;
  if (view.getInt32(at, true) === NULL) {
    return at + 4;
  }
  if (work[at] !== QUOTE) {
    return NONE;
  }
  const before = room.pool;
  at = text(room, at + 1, 0, 2_000);
  room.pool = before; // nothing of it is kept
  return at === NONE ? NONE : at + 1;
}
