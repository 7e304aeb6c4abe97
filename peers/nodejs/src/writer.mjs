// Writes the answer from a room, byte by byte. Writers return the position behind what they wrote.

import { InvalidDocument } from "./errors.mjs";

const FEW = 16; // length of the runs that are sorted by insertion
const bytesOf = (text) => new Uint8Array(Buffer.from(text));
const four = (text) => Buffer.from(text).readInt32LE();
const [QUOTE, COMMA, COLON, BACKSLASH, CLOSE_BRACE] = [0x22, 0x2c, 0x3a, 0x5c, 0x7d];

const PAIRS = new Uint8Array(200); // the digits of 00 to 99
for (let number = 0; number < 100; number++) {
  PAIRS[2 * number] = 0x30 + Math.floor(number / 10);
  PAIRS[2 * number + 1] = 0x30 + (number % 10);
}
const SHORT = new Uint8Array(128); // the letter after the backslash, if there is one
for (const [character, letter] of Object.entries({ '"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t" })) {
  SHORT[character.charCodeAt(0)] = letter.charCodeAt(0);
}
const HEX = bytesOf("0123456789abcdef");

const BATCH = bytesOf('{"batch":"');
const CURRENCY = bytesOf('","currency":"');
const ORDERS = bytesOf('","orders":');
const DUPLICATES = bytesOf(',"duplicates":');
const CANCELLED = bytesOf(',"cancelled":[');
const CUSTOMERS = bytesOf('],"customers":[');
const TOTALS = bytesOf('],"totals":{"customers":');
const ID = bytesOf('{"id":');
const NAME = bytesOf(',"name":"');
const OF_ORDERS = bytesOf('","orders":');
const FIRST = bytesOf(',"first":"');
const LAST = bytesOf('","last":"');
const UNITS = bytesOf(',"units":');
const GROSS = bytesOf(',"gross":');
const REFUNDED = bytesOf(',"refunded":');
const OPEN = bytesOf(',"open":');
const NET = bytesOf(',"net":');
const SKUS = bytesOf(',"skus":[');
const TAGS = bytesOf('],"tags":[');
const CHANNELS = bytesOf('],"channels":[');
const CHANNEL = bytesOf('{"channel":"');
const END = bytesOf("]}");
const CONTROL = bytesOf("u00");
const ENDS = bytesOf("}}");
const [SKU_1, SKU_2] = [four('{"sk'), four('u":"')];
const [UNITS_1, UNITS_2] = [four('","u'), four("nits")];
const [AMOUNT_1, AMOUNT_2] = [four(',"am'), four("ount")];

/** Write the answer as a string of one UTF-16 unit per byte. Throws InvalidDocument if its amounts are too large. */
export function writeAnswer(room) {
  const { out } = room;
  const customers = sortCustomers(room);
  rankWords(room);
  let at = writeLiteral(out, 0, BATCH);
  at = writeString(room, at, room.batchStart, room.batchLength, room.batchEscaped);
  at = writeLiteral(out, at, CURRENCY);
  at = copy(out, at, room.work, room.currency, 3);
  at = writeNumber(out, writeLiteral(out, at, ORDERS), room.distinct);
  at = writeNumber(out, writeLiteral(out, at, DUPLICATES), room.orders - room.distinct);
  at = writeLiteral(out, at, CANCELLED);
  room.cancelled.sort((a, b) => a - b);
  for (let index = 0; index < room.cancelled.length; index++) {
    at = writeNumber(out, writeComma(out, at, index), room.cancelled[index]);
  }
  at = writeLiteral(out, at, CUSTOMERS);
  let [units, gross, refunded, open] = [0, 0, 0, 0];
  for (let index = 0; index < customers.length; index++) {
    const customer = customers[index];
    at = writeStatement(room, writeComma(out, at, index), customer);
    units += room.customerUnits[customer];
    gross += room.customerGross[customer];
    refunded += room.customerRefunded[customer];
    open += room.customerOpen[customer];
  }
  if (gross + open > Number.MAX_SAFE_INTEGER) {
    throw new InvalidDocument("/orders");
  }
  at = writeNumber(out, writeLiteral(out, at, TOTALS), customers.length);
  at = writeSums(out, at, units, gross, refunded, open);
  return out.latin1Slice(0, writeLiteral(out, at, ENDS));
}

/** The customers by net, the largest first, then by id. */
function sortCustomers(room) {
  const { customers, order, customerNet } = room;
  for (let customer = 0; customer < customers; customer++) {
    order[customer] = customer;
    customerNet[customer] = room.customerRefunded[customer] - room.customerGross[customer];
  }
  const sorted = sort(room, customers, customerNet, byId);
  return sorted.slice(0, customers);
}

/** Rank the words by their bytes. */
function rankWords(room) {
  const { words, order, wordRank } = room;
  for (let word = 0; word < words; word++) {
    order[word] = word;
  }
  const sorted = sort(room, words, room.wordKey, byWord);
  for (let rank = 0; rank < words; rank++) {
    wordRank[sorted[rank]] = rank;
  }
}

function writeStatement(room, at, customer) {
  const { out, work } = room;
  at = writeLiteral(out, at, ID);
  at = copy(out, at, work, room.customerIdStart[customer], room.customerIdLength[customer]);
  at = writeLiteral(out, at, NAME);
  const [start, length] = [room.customerName[customer], room.customerNameLength[customer]];
  at = room.customerNameSlow[customer] === 0 ? copy(out, at, work, start, length) : writeName(room, at, start, length);
  at = writeNumber(out, writeLiteral(out, at, OF_ORDERS), room.customerOrders[customer]);
  at = copy(out, writeLiteral(out, at, FIRST), work, room.customerFirstStart[customer], 20);
  at = copy(out, writeLiteral(out, at, LAST), work, room.customerLastStart[customer], 20);
  out[at++] = QUOTE;
  const [gross, refunded] = [room.customerGross[customer], room.customerRefunded[customer]];
  at = writeSums(out, at, room.customerUnits[customer], gross, refunded, room.customerOpen[customer]);
  at = writeSkus(room, writeLiteral(out, at, SKUS), room.customerLines[customer]);
  at = writeTags(room, writeLiteral(out, at, TAGS), room.customerTags[customer]);
  at = writeChannels(room, writeLiteral(out, at, CHANNELS), room.customerChannels[customer]);
  return writeLiteral(out, at, END);
}

function writeSums(out, at, units, gross, refunded, open) {
  at = writeNumber(out, writeLiteral(out, at, UNITS), units);
  at = writeNumber(out, writeLiteral(out, at, GROSS), gross);
  at = writeNumber(out, writeLiteral(out, at, REFUNDED), refunded);
  at = writeNumber(out, writeLiteral(out, at, OPEN), open);
  return writeNumber(out, writeLiteral(out, at, NET), gross - refunded);
}

function writeSkus(room, at, first) {
  const { out, outView, work, order, lineStart, lineLength, lineNext, lineUnits, lineAmount } = room;
  let count = 0;
  for (let line = first; line >= 0; line = lineNext[line]) {
    order[count++] = line;
  }
  const sorted = sort(room, count, room.lineKey, bySku);
  for (let index = 0; index < count; index++) {
    const line = sorted[index];
    at = writeComma(out, at, index);
    at = writeEight(outView, at, SKU_1, SKU_2);
    at = copy(out, at, work, lineStart[line], lineLength[line]);
    at = writeEight(outView, at, UNITS_1, UNITS_2);
    out[at] = QUOTE;
    out[at + 1] = COLON;
    at = writeNumber(out, at + 2, lineUnits[line]);
    at = writeEight(outView, at, AMOUNT_1, AMOUNT_2);
    out[at] = QUOTE;
    out[at + 1] = COLON;
    at = writeNumber(out, at + 2, lineAmount[line]);
    out[at++] = CLOSE_BRACE;
  }
  return at;
}

/** Sort the pairs of a list by their words; `room.count` is their number. */
function sortPairs(room, first) {
  const { order, pairRank, pairNext, pairWord, wordRank } = room;
  let count = 0;
  for (let pair = first; pair >= 0; pair = pairNext[pair]) {
    order[count++] = pair;
    pairRank[pair] = wordRank[pairWord[pair]];
  }
  room.count = count;
  return sort(room, count, pairRank, byNothing);
}

function writeTags(room, at, first) {
  const { out } = room;
  const pairs = sortPairs(room, first);
  for (let index = 0; index < room.count; index++) {
    at = writeComma(out, at, index);
    out[at++] = QUOTE;
    at = writeWord(room, at, pairs[index]);
    out[at++] = QUOTE;
  }
  return at;
}

function writeChannels(room, at, first) {
  const { out, pairCount } = room;
  const pairs = sortPairs(room, first);
  for (let index = 0; index < room.count; index++) {
    at = writeLiteral(out, writeComma(out, at, index), CHANNEL);
    at = writeWord(room, at, pairs[index]);
    at = writeNumber(out, writeLiteral(out, at, OF_ORDERS), pairCount[pairs[index]]);
    out[at++] = CLOSE_BRACE;
  }
  return at;
}

function writeWord(room, at, pair) {
  const word = room.pairWord[pair];
  return writeString(room, at, room.wordStart[word], room.wordLength[word], room.wordEscaped[word]);
}

// --- numbers and bytes --------------------------------------------------------------------------------------------

function writeLiteral(out, at, pattern) {
  for (let index = 0; index < pattern.length; index++) {
    out[at + index] = pattern[index];
  }
  return at + pattern.length;
}

function writeEight(view, at, low, high) {
  view.setInt32(at, low, true);
  view.setInt32(at + 4, high, true);
  return at + 8;
}

function copy(out, at, work, start, length) {
  for (let index = 0; index < length; index++) {
    out[at + index] = work[start + index];
  }
  return at + length;
}

function writeComma(out, at, index) {
  if (index > 0) {
    out[at++] = COMMA;
  }
  return at;
}

/** Write a number from 0 to 2^53 − 1. */
function writeNumber(out, at, value) {
  if (value < 1e9) {
    return writeSmall(out, at, value | 0);
  }
  let high = Math.floor(value / 1e9);
  let low = value - high * 1e9;
  if (low < 0) {
    high--;
    low += 1e9;
  }
  at = writeSmall(out, at, high | 0);
  let rest = low | 0;
  for (let index = 8; index >= 0; index--) {
    out[at + index] = 0x30 + (rest % 10);
    rest = (rest / 10) | 0;
  }
  return at + 9;
}

/** Write a number below 10^9, two digits at a time from the last. */
function writeSmall(out, at, value) {
  const end = at + countDigits(value);
  let to = end;
  while (value >= 100) {
    const pair = (value % 100) << 1;
    value = (value / 100) | 0;
    out[--to] = PAIRS[pair + 1];
    out[--to] = PAIRS[pair];
  }
  if (value >= 10) {
    out[--to] = PAIRS[(value << 1) + 1];
    out[--to] = PAIRS[value << 1];
  } else {
    out[--to] = 0x30 + value;
  }
  return end;
}

function countDigits(value) {
  if (value < 100_000) {
    return value < 100 ? (value < 10 ? 1 : 2) : value < 1_000 ? 3 : value < 10_000 ? 4 : 5;
  }
  return value < 10_000_000 ? (value < 1_000_000 ? 6 : 7) : value < 100_000_000 ? 8 : 9;
}

/** Write a string without quotes; one that had escapes may need some again. */
function writeString(room, at, start, length, escaped) {
  const { out, work } = room;
  if (escaped === 0) {
    return copy(out, at, work, start, length);
  }
  for (let index = start; index < start + length; index++) {
    at = writeCharacter(out, at, work[index]);
  }
  return at;
}

/** Write a name and normalise it. */
function writeName(room, at, start, length) {
  const { out, work } = room;
  const begin = at;
  let isPending = false;
  for (let index = start; index < start + length; index++) {
    const byte = work[index];
    if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) {
      isPending = at > begin;
      continue;
    }
    if (isPending) {
      out[at++] = 0x20;
      isPending = false;
    }
    at = writeCharacter(out, at, byte);
  }
  return at;
}

function writeCharacter(out, at, byte) {
  if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
    out[at++] = byte;
    return at;
  }
  out[at++] = BACKSLASH;
  if (SHORT[byte] !== 0) {
    out[at++] = SHORT[byte];
    return at;
  }
  at = writeLiteral(out, at, CONTROL);
  out[at++] = HEX[byte >> 4];
  out[at++] = HEX[byte & 15];
  return at;
}

function compareBytes(work, one, oneLength, other, otherLength) {
  const length = Math.min(oneLength, otherLength);
  for (let index = 0; index < length; index++) {
    const difference = work[one + index] - work[other + index];
    if (difference !== 0) {
      return difference;
    }
  }
  return oneLength - otherLength;
}

// --- sorting ------------------------------------------------------------------------------------------------------

const byNothing = () => 0; // ranks are never equal
const byId = (room, one, other) => room.customerId[one] - room.customerId[other];
const byWord = ({ work, wordStart, wordLength }, one, other) =>
  compareBytes(work, wordStart[one], wordLength[one], wordStart[other], wordLength[other]);
const bySku = ({ work, lineStart, lineLength }, one, other) =>
  compareBytes(work, lineStart[one], lineLength[one], lineStart[other], lineLength[other]);

/** Sort the first `count` of `room.order` by their keys, then by `tie`: insertion sort of short runs, then merges.
 *
 * Return the array with the result: `room.order` or `room.spare`.
 */
function sort(room, count, keys, tie) {
  let [from, to] = [room.order, room.spare];
  for (let start = 0; start < count; start += FEW) {
    insert(room, from, start, Math.min(start + FEW, count), keys, tie);
  }
  for (let width = FEW; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      merge(room, from, to, start, Math.min(start + width, count), Math.min(start + 2 * width, count), keys, tie);
    }
    [from, to] = [to, from];
  }
  return from;
}

function insert(room, order, start, end, keys, tie) {
  for (let index = start + 1; index < end; index++) {
    const each = order[index];
    const key = keys[each];
    let place = index;
    while (place > start) {
      const before = order[place - 1];
      if (keys[before] < key || (keys[before] === key && tie(room, before, each) <= 0)) {
        break;
      }
      order[place] = before;
      place--;
    }
    order[place] = each;
  }
}

function merge(room, from, to, start, middle, end, keys, tie) {
  let [left, right] = [start, middle];
  for (let place = start; place < end; place++) {
    const isLeft = right >= end || (left < middle && isBefore(room, from[left], from[right], keys, tie));
    to[place] = isLeft ? from[left++] : from[right++];
  }
}

function isBefore(room, one, other, keys, tie) {
  return keys[one] < keys[other] || (keys[one] === keys[other] && tie(room, one, other) <= 0);
}
