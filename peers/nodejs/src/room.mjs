// The arrays and hash tables in which the hand-written core adds a document up.

const SLACK = 64; // zeros behind a document: they match no literal
const FREE = -1;

const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}
const ESCAPED = new Uint8Array(256); // the character that a letter after a backslash stands for
for (const [letter, character] of Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" })) {
  ESCAPED[letter.charCodeAt(0)] = character.charCodeAt(0);
}

/** Room for documents of up to `length` bytes.
 *
 * Lines, customers, words (tags and channels) and pairs (a customer and one of its words) are numbered in order.
 * `…Next` chains the lines or pairs of a customer. There is room for one of each per 16 bytes; a document with more
 * falls back.
 */
export class Room {
  constructor(length) {
    const most = 2 ** Math.ceil(Math.log2(Math.max(64, length / 16)));
    const integers = () => new Int32Array(most);
    const numbers = () => new Float64Array(most);
    this.length = length;
    this.most = most;
    this.work = new Uint8Array(3 * length + 2 * SLACK); // the document, then its unescaped strings
    this.view = new DataView(this.work.buffer);
    this.out = Buffer.alloc(4 * length + 1024);
    this.outView = new DataView(this.out.buffer);
    this.lineKey = numbers();
    this.lineCustomer = integers();
    this.lineStart = integers();
    this.lineLength = integers();
    this.lineUnits = numbers();
    this.lineAmount = numbers();
    this.lineNext = integers();
    this.customerId = numbers();
    this.customerIdStart = integers();
    this.customerIdLength = integers();
    this.customerName = integers();
    this.customerNameLength = integers();
    this.customerNameSlow = integers();
    this.customerOrders = integers();
    this.customerFirst = numbers();
    this.customerFirstStart = integers();
    this.customerLast = numbers();
    this.customerLastStart = integers();
    this.customerUnits = numbers();
    this.customerGross = numbers();
    this.customerRefunded = numbers();
    this.customerOpen = numbers();
    this.customerNet = numbers();
    this.customerLines = integers();
    this.customerTags = integers();
    this.customerChannels = integers();
    this.wordStart = integers();
    this.wordLength = integers();
    this.wordEscaped = integers();
    this.wordKey = numbers();
    this.wordRank = numbers();
    this.pairCustomer = integers();
    this.pairWord = integers();
    this.pairCount = integers();
    this.pairNext = integers();
    this.pairRank = numbers();
    this.order = integers();
    this.spare = integers();
    this.lineTable = new Int32Array(2 * most);
    this.customerTable = new Int32Array(2 * most);
    this.wordTable = new Int32Array(2 * most);
    this.pairTable = new Int32Array(2 * most);
    this.seen = null;
    this.ids = [];
    this.cancelled = [];
  }

  /** Copy a document in, and reset all tables. */
  take(document) {
    const { length } = document;
    this.work.set(document);
    this.work.fill(0, length, length + SLACK);
    this.pool = length + SLACK;
    this.mask = 2 ** Math.ceil(Math.log2(Math.max(64, length / 16))) * 2 - 1;
    for (const table of [this.lineTable, this.customerTable, this.wordTable, this.pairTable]) {
      table.fill(FREE, 0, this.mask + 1);
    }
    this.limit = (this.mask + 1) >> 1;
    this.lines = 0;
    this.customers = 0;
    this.words = 0;
    this.pairs = 0;
    this.orders = 0;
    this.distinct = 0;
    this.lastId = 0;
    this.seen = null;
    this.ids.length = 0;
    this.cancelled.length = 0;
    this.number = 0;
    this.amount = 0;
    this.units = 0;
    this.word = 0;
    this.count = 0;
    this.textStart = 0;
    this.textLength = 0;
    this.textEscaped = 0;
  }

  /** Tell whether an order's id is new. As long as ids ascend, none is looked up. */
  isNew(id) {
    if (this.seen === null) {
      if (id > this.lastId) {
        this.lastId = id;
        this.ids.push(id);
        this.distinct++;
        return true;
      }
      this.seen = new Set(this.ids);
    }
    if (this.seen.has(id)) {
      return false;
    }
    this.seen.add(id);
    this.distinct++;
    return true;
  }

  /** The number of the customer of an id; a new one is added with this order's moment. */
  customerOf(id, start, length, moment, placed) {
    const { customerTable, customerId, mask } = this;
    let slot = (Math.imul(id | 0, 0x9e3779b1) >>> 12) & mask;
    for (; customerTable[slot] !== FREE; slot = (slot + 1) & mask) {
      if (customerId[customerTable[slot]] === id) {
        return customerTable[slot];
      }
    }
    const customer = this.customers++;
    customerTable[slot] = customer;
    customerId[customer] = id;
    this.customerIdStart[customer] = start;
    this.customerIdLength[customer] = length;
    this.customerOrders[customer] = 0;
    this.customerFirst[customer] = moment;
    this.customerFirstStart[customer] = placed;
    this.customerLast[customer] = moment;
    this.customerLastStart[customer] = placed;
    this.customerUnits[customer] = 0;
    this.customerGross[customer] = 0;
    this.customerRefunded[customer] = 0;
    this.customerOpen[customer] = 0;
    this.customerLines[customer] = FREE;
    this.customerTags[customer] = FREE;
    this.customerChannels[customer] = FREE;
    return customer;
  }

  /** Add a line to the sums of its customer and sku; return false if there is no room. */
  addLine(customer, hash, start, length, units, amount) {
    const { lineTable, lineCustomer, lineStart, lineLength, mask } = this;
    let slot = (Math.imul(hash ^ Math.imul(customer, 0x85ebca6b), 0x9e3779b1) >>> 12) & mask;
    for (; lineTable[slot] !== FREE; slot = (slot + 1) & mask) {
      const line = lineTable[slot];
      if (lineCustomer[line] === customer && lineLength[line] === length && this.equal(lineStart[line], start, length)) {
        this.lineUnits[line] += units;
        this.lineAmount[line] += amount;
        return true;
      }
    }
    const line = this.lines++;
    if (line >= this.limit) {
      return false;
    }
    lineTable[slot] = line;
    lineCustomer[line] = customer;
    lineStart[line] = start;
    lineLength[line] = length;
    this.lineKey[line] = this.key(start, length);
    this.lineUnits[line] = units;
    this.lineAmount[line] = amount;
    this.lineNext[line] = this.customerLines[customer];
    this.customerLines[customer] = line;
    return true;
  }

  /** Set `this.word` to the word of these bytes, and add a new one; return false if there is no room. */
  findWord(hash, start, length, escaped) {
    const { wordTable, wordStart, wordLength, mask } = this;
    let slot = (Math.imul(hash, 0x9e3779b1) >>> 12) & mask;
    for (; wordTable[slot] !== FREE; slot = (slot + 1) & mask) {
      const word = wordTable[slot];
      if (wordLength[word] === length && this.equal(wordStart[word], start, length)) {
        this.word = word;
        return true;
      }
    }
    const word = this.words++;
    if (word >= this.limit) {
      return false;
    }
    wordTable[slot] = word;
    wordStart[word] = start;
    wordLength[word] = length;
    this.wordEscaped[word] = escaped ? 1 : 0;
    this.wordKey[word] = this.key(start, length);
    this.word = word;
    return true;
  }

  /** Count a word of a customer in the list that begins at `heads`; return false if there is no room. */
  countPair(customer, word, heads) {
    const { pairTable, pairCustomer, pairWord, mask } = this;
    const owner = heads === this.customerTags ? customer : ~customer; // a word may be both a tag and a channel
    let slot = (Math.imul(owner ^ Math.imul(word, 0x85ebca6b), 0x9e3779b1) >>> 12) & mask;
    for (; pairTable[slot] !== FREE; slot = (slot + 1) & mask) {
      const pair = pairTable[slot];
      if (pairCustomer[pair] === owner && pairWord[pair] === word) {
        this.pairCount[pair]++;
        return true;
      }
    }
    const pair = this.pairs++;
    if (pair >= this.limit) {
      return false;
    }
    pairTable[slot] = pair;
    pairCustomer[pair] = owner;
    pairWord[pair] = word;
    this.pairCount[pair] = 1;
    this.pairNext[pair] = heads[customer];
    heads[customer] = pair;
    return true;
  }

  equal(one, other, length) {
    const { work } = this;
    for (let index = 0; index < length; index++) {
      if (work[one + index] !== work[other + index]) {
        return false;
      }
    }
    return true;
  }

  /** The first six bytes as a number that sorts like them. */
  key(start, length) {
    const { work } = this;
    let key = 0;
    for (let index = 0; index < 6; index++) {
      key = key * 256 + (index < length ? work[start + index] : 0);
    }
    return key;
  }

  /** The number of code points: all bytes but continuation bytes. */
  characters(start, length) {
    let count = 0;
    for (let index = start; index < start + length; index++) {
      count += (this.work[index] & 0xc0) === 0x80 ? 0 : 1;
    }
    return count;
  }

  /** The number of code points of the normalised name. */
  normalisedCharacters(start, length) {
    let count = 0;
    let space = true;
    for (let index = start; index < start + length; index++) {
      const byte = this.work[index];
      const isSpace = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
      count += (byte & 0xc0) === 0x80 || (isSpace && space) ? 0 : 1;
      space = isSpace;
    }
    return count > 0 && space ? count - 1 : count;
  }

  /** Unescape the string at `start`, whose first backslash stands at `at`, into the pool.
   *
   * Return the position of its closing quote, or −1 if it is malformed. `textStart` and `textLength` locate the result.
   */
  unescape(start, at) {
    const { work } = this;
    let to = this.pool;
    this.textStart = to;
    for (let index = start; index < at; index++) {
      work[to++] = work[index];
    }
    for (;;) {
      const byte = work[at++];
      if (byte === 0x22) {
        this.textLength = to - this.textStart;
        this.textEscaped = 1;
        this.pool = to;
        return at - 1;
      }
      if (byte < 0x20) {
        return -1;
      }
      if (byte !== 0x5c) {
        work[to++] = byte;
        continue;
      }
      const letter = work[at++];
      if (letter !== 0x75) {
        if (ESCAPED[letter] === 0) {
          return -1;
        }
        work[to++] = ESCAPED[letter];
        continue;
      }
      let point = this.parseUnit(at);
      at += 4;
      if (point >= 0xd800 && point <= 0xdbff) {
        const low = work[at] === 0x5c && work[at + 1] === 0x75 ? this.parseUnit(at + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff) {
          return -1;
        }
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      } else if (point < 0 || (point >= 0xdc00 && point <= 0xdfff)) {
        return -1;
      }
      to = this.writeCharacter(point, to);
    }
  }

  /** The UTF-16 unit of four hexadecimal digits, or −1. */
  parseUnit(at) {
    const { work } = this;
    const [one, two, three, last] = [HEX[work[at]], HEX[work[at + 1]], HEX[work[at + 2]], HEX[work[at + 3]]];
    return (one | two | three | last) < 0 ? -1 : (one << 12) | (two << 8) | (three << 4) | last;
  }

  writeCharacter(point, to) {
    const { work } = this;
    if (point < 0x80) {
      work[to++] = point;
    } else if (point < 0x800) {
      work[to++] = 0xc0 | (point >> 6);
      work[to++] = 0x80 | (point & 0x3f);
    } else if (point < 0x10000) {
      work[to++] = 0xe0 | (point >> 12);
      work[to++] = 0x80 | ((point >> 6) & 0x3f);
      work[to++] = 0x80 | (point & 0x3f);
    } else {
      work[to++] = 0xf0 | (point >> 18);
      work[to++] = 0x80 | ((point >> 12) & 0x3f);
      work[to++] = 0x80 | ((point >> 6) & 0x3f);
      work[to++] = 0x80 | (point & 0x3f);
    }
    return to;
  }
}
