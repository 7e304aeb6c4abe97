package statements.core;

import java.util.Arrays;

/**
 * The transform over the bytes: no parser, no string, no object per value.
 *
 * <p>Orders and lines are first read as almost all are written, without white space and with their members in the
 * order of the spec, by comparing eight bytes at a time; what is written otherwise is read anew, member by member. A
 * repeated or unknown member, a wrong value and whatever else is rare are {@link Odd}. The methods take the position
 * at which they read and return the one after it; behind the document stand zeros, at which every loop ends.
 */
final class HandCore implements Core {
    private static final int GAP = 32; // zeros between the document and what is unescaped of it

    // the usual order of members; a name of more than eight bytes is looked at twice, the second time from its end
    private static final long ID = Words.of("{\"id\":", 0);
    private static final long PLACED = Words.of(",\"placed\":\"", 0);
    private static final long PLACED_END = Words.of(",\"placed\":\"", 3);
    private static final long STATUS = Words.of(",\"status\":\"", 0);
    private static final long STATUS_END = Words.of(",\"status\":\"", 3);
    private static final long CUSTOMER = Words.of(",\"customer\":{\"id\":", 0);
    private static final long CUSTOMER_MIDDLE = Words.of(",\"customer\":{\"id\":", 8);
    private static final long NAME = Words.of(",\"name\":\"", 0);
    private static final long LINES = Words.of("},\"lines\":[", 0);
    private static final long LINES_END = Words.of("},\"lines\":[", 3);
    private static final long CHANNEL = Words.of(",\"channel\":", 0);
    private static final long CHANNEL_END = Words.of(",\"channel\":", 3);
    private static final long NOTE = Words.of(",\"note\":", 0);
    private static final long SKU = Words.of("{\"sku\":\"", 0);
    private static final long QUANTITY = Words.of(",\"quantity\":", 0);
    private static final long QUANTITY_END = Words.of(",\"quantity\":", 4);
    private static final long PRICE = Words.of(",\"price\":", 0);
    private static final long TAGS = Words.of(",\"tags\":[", 0);

    // any order of members: their names as numbers
    private static final long BATCH_NAME = Words.first("batch");
    private static final long CURRENCY_NAME = Words.first("currency");
    private static final long ORDERS_NAME = Words.first("orders");
    private static final long ID_NAME = Words.first("id");
    private static final long PLACED_NAME = Words.first("placed");
    private static final long STATUS_NAME = Words.first("status");
    private static final long CUSTOMER_NAME = Words.first("customer");
    private static final long NAME_NAME = Words.first("name");
    private static final long LINES_NAME = Words.first("lines");
    private static final long CHANNEL_NAME = Words.first("channel");
    private static final long NOTE_NAME = Words.first("note");
    private static final long SKU_NAME = Words.first("sku");
    private static final long QUANTITY_NAME = Words.first("quantity");
    private static final long PRICE_NAME = Words.first("price");
    private static final long TAGS_NAME = Words.first("tags");

    private static final long SIX = 0x0000FFFFFFFFFFFFL; // the first six bytes of a word
    private static final long FOUR_END = Words.of("null", 0);
    private static final long OPEN = Words.of("open\"", 0);
    private static final long PAID = Words.of("paid\"", 0);
    private static final long SHIPPED = Words.of("shipped\"", 0);
    private static final long REFUNDED = Words.of("refunded", 0);
    private static final long CANCELLED = Words.of("cancelle", 0);
    private static final long FIVE = 0x000000FFFFFFFFFFL;
    private static final long FOUR = 0x00000000FFFFFFFFL;
    private static final long QUOTES = '"' * Words.ONES;
    private static final long BACKSLASHES = '\\' * Words.ONES;
    private static final long SPACES = ' ' * Words.ONES;
    private static final long DATE = Words.of("0000-00-", 0);
    private static final long DAY_TIME = Words.of("00T00:00", 0);
    private static final long SECOND = Words.of(":00Z\"", 0);
    private static final long OVER_NINE = 0x7676767676767676L; // added to a byte beyond 9, it sets the high bit
    private static final long[] TENS = {
        1L, 10L, 100L, 1_000L, 10_000L, 100_000L, 1_000_000L, 10_000_000L, 100_000_000L
    };

    private final Ledger ledger = new Ledger();
    private final HandWriter writer = new HandWriter();
    private byte[] text;

    // what was read last
    private long number;
    private int start;
    private int length;
    private long key;
    private int status;
    private long placed;
    private int symbol;
    private long customer;
    private int nameStart;
    private int nameLength;
    private int batchStart;
    private int batchLength;
    private int currencyStart;

    @Override
    public Bytes transform(byte[] document, int size) throws Odd {
        Arrays.fill(document, size, size + GAP, (byte) 0);
        text = document;
        ledger.begin(document, size + GAP);
        if (space(batch(space(0))) != size) {
            throw Odd.ODD;
        }
        ledger.finish();
        return writer.write(ledger, size, batchStart, batchLength, currencyStart);
    }

    // --- the batch

    private int batch(int from) throws Odd {
        int at = opened(from, '{');
        int seen = 0;
        do {
            at = member(at);
            int bit;
            if (key == BATCH_NAME) {
                bit = 1;
                at = string(quoted(at), 1, Rules.MAX_BATCH);
                batchStart = start;
                batchLength = length;
            } else if (key == CURRENCY_NAME) {
                bit = 2;
                at = currency(quoted(at));
            } else if (key == ORDERS_NAME) {
                bit = 4;
                at = orders(opened(at, '['));
            } else {
                throw Odd.ODD;
            }
            seen = with(seen, bit);
            at = separated(at, '}');
        } while (at > 0);
        if (seen != 7) {
            throw Odd.ODD;
        }
        return -at;
    }

    private int currency(int at) throws Odd {
        int end = string(at, 3, 3);
        for (int each = start; each < start + 3; each++) {
            if (text[each] < 'A' || text[each] > 'Z') {
                throw Odd.ODD;
            }
        }
        currencyStart = start;
        return end;
    }

    private int orders(int from) throws Odd {
        int at = from;
        if (text[at] == ']') {
            return at + 1;
        }
        do {
            int end = usualOrder(at);
            if (end < 0) {
                ledger.rewind();
                end = anyOrder(at);
            }
            if (ledger.orders > Rules.MAX_ORDERS) {
                throw Odd.ODD;
            }
            at = text[end] == ',' && text[end + 1] == '{' ? end + 1 : separated(end, ']');
        } while (at > 0);
        return -at;
    }

    // --- an order

    /** Reads an order that is written as usual; −1 if it is not. */
    private int usualOrder(int from) throws Odd {
        byte[] text = this.text;
        int at = from;
        if ((Words.at(text, at) & SIX) != ID || (at = number(at + 6)) < 0) {
            return -1;
        }
        final long id = id();
        if (Words.at(text, at) != PLACED || Words.at(text, at + 3) != PLACED_END) {
            return -1;
        }
        at = moment(at + 11);
        if (Words.at(text, at) != STATUS || Words.at(text, at + 3) != STATUS_END) {
            return -1;
        }
        at = status(at + 11);
        if (Words.at(text, at) != CUSTOMER
                || Words.at(text, at + 8) != CUSTOMER_MIDDLE
                || text[at + 16] != '"'
                || text[at + 17] != ':'
                || (at = number(at + 18)) < 0) {
            return -1;
        }
        customer = id();
        if (Words.at(text, at) != NAME || text[at + 8] != '"') {
            return -1;
        }
        at = name(at + 9);
        if (Words.at(this.text, at) != LINES || Words.at(this.text, at + 3) != LINES_END) {
            return -1;
        }
        final int orderStatus = status;
        final long orderPlaced = placed;
        at = lines(at + 11);
        text = this.text;
        symbol = -1;
        if (Words.at(text, at) == CHANNEL && Words.at(text, at + 3) == CHANNEL_END) {
            at = channel(at + 11);
            text = this.text;
        }
        if (Words.at(text, at) == NOTE) {
            at = note(at + 8);
            text = this.text;
        }
        if (text[at] != '}') {
            return -1;
        }
        ledger.close(id, orderPlaced, orderStatus, customer, nameStart, nameLength, symbol);
        return at + 1;
    }

    private int anyOrder(int from) throws Odd {
        int at = opened(from, '{');
        int seen = 0;
        long id = 0;
        int channel = -1;
        do {
            at = member(at);
            int bit;
            if (key == ID_NAME) {
                bit = 1;
                at = strictNumber(at);
                id = id();
            } else if (key == PLACED_NAME) {
                bit = 2;
                at = moment(quoted(at));
            } else if (key == STATUS_NAME) {
                bit = 4;
                at = status(quoted(at));
            } else if (key == CUSTOMER_NAME) {
                bit = 8;
                at = customer(at);
            } else if (key == LINES_NAME) {
                bit = 16;
                at = lines(opened(at, '['));
            } else if (key == CHANNEL_NAME) {
                bit = 32;
                at = channel(at);
                channel = symbol;
            } else if (key == NOTE_NAME) {
                bit = 64;
                at = note(at);
            } else {
                throw Odd.ODD;
            }
            seen = with(seen, bit);
            at = separated(at, '}');
        } while (at > 0);
        if ((seen & 31) != 31) {
            throw Odd.ODD;
        }
        ledger.close(id, placed, status, customer, nameStart, nameLength, channel);
        return -at;
    }

    private int customer(int from) throws Odd {
        int at = opened(from, '{');
        int seen = 0;
        do {
            at = member(at);
            int bit;
            if (key == ID_NAME) {
                bit = 1;
                at = strictNumber(at);
                customer = id();
            } else if (key == NAME_NAME) {
                bit = 2;
                at = name(quoted(at));
            } else {
                throw Odd.ODD;
            }
            seen = with(seen, bit);
            at = separated(at, '}');
        } while (at > 0);
        if (seen != 3) {
            throw Odd.ODD;
        }
        return -at;
    }

    private int channel(int at) throws Odd {
        if ((Words.at(text, at) & FOUR) == FOUR_END) {
            symbol = -1;
            return at + 4;
        }
        int end = string(quoted(at), 1, Rules.MAX_CHANNEL);
        symbol = ledger.symbols.of(text, start, length);
        return end;
    }

    private int note(int at) throws Odd {
        return (Words.at(text, at) & FOUR) == FOUR_END ? at + 4 : string(quoted(at), 0, Rules.MAX_NOTE);
    }

    /** Reads a name; it is normalised when it is written, as most are another one's by then. */
    private int name(int at) throws Odd {
        int end = string(at, 1, Integer.MAX_VALUE);
        if (length > Rules.MAX_NAME || Rules.isSpace(text[start])) {
            int characters = normalisedLength();
            if (characters < 1 || characters > Rules.MAX_NAME) {
                throw Odd.ODD;
            }
        }
        nameStart = start;
        nameLength = length;
        return end;
    }

    private int normalisedLength() {
        int characters = 0;
        boolean space = false;
        for (int at = start; at < start + length; at++) {
            if (Rules.isSpace(text[at])) {
                space = true;
            } else if ((text[at] & 0xC0) != 0x80) {
                characters += space && characters > 0 ? 2 : 1;
                space = false;
            }
        }
        return characters;
    }

    // --- lines

    /** Reads lines after the bracket that opens them. */
    private int lines(int from) throws Odd {
        int at = space(from);
        int count = 0;
        do {
            int tags = ledger.tags();
            int end = usualLine(at);
            if (end < 0) {
                ledger.tagsBackTo(tags);
                end = anyLine(at);
            }
            if (++count > Rules.MAX_LINES) {
                throw Odd.ODD;
            }
            if (text[end] == ']') {
                return end + 1;
            }
            at = text[end] == ',' && text[end + 1] == '{' ? end + 1 : separated(end, ']');
        } while (at > 0);
        return -at;
    }

    /** Reads a line that is written as usual; −1 if it is not. */
    private int usualLine(int from) throws Odd {
        byte[] text = this.text;
        if (Words.at(text, from) != SKU) {
            return -1;
        }
        final int sku = from + 8;
        int at = sku(sku);
        final int skuLength = at - 1 - sku;
        if (Words.at(text, at) != QUANTITY
                || Words.at(text, at + 4) != QUANTITY_END
                || (at = number(at + 12)) < 0) {
            return -1;
        }
        final int quantity = quantity();
        if (Words.at(text, at) != PRICE || text[at + 8] != ':' || (at = number(at + 9)) < 0) {
            return -1;
        }
        final int price = price();
        if (text[at] == ',') {
            if (Words.at(text, at) != TAGS || text[at + 8] != '[') {
                return -1;
            }
            at = tags(at + 9);
            text = this.text;
        }
        if (text[at] != '}') {
            return -1;
        }
        ledger.line(sku, skuLength, quantity, price);
        return at + 1;
    }

    private int anyLine(int from) throws Odd {
        int at = opened(from, '{');
        int seen = 0;
        int sku = 0;
        int skuLength = 0;
        int quantity = 0;
        int price = 0;
        do {
            at = member(at);
            int bit;
            if (key == SKU_NAME) {
                bit = 1;
                sku = quoted(at);
                at = sku(sku);
                skuLength = at - 1 - sku;
            } else if (key == QUANTITY_NAME) {
                bit = 2;
                at = strictNumber(at);
                quantity = quantity();
            } else if (key == PRICE_NAME) {
                bit = 4;
                at = strictNumber(at);
                price = price();
            } else if (key == TAGS_NAME) {
                bit = 8;
                at = tags(opened(at, '['));
            } else {
                throw Odd.ODD;
            }
            seen = with(seen, bit);
            at = separated(at, '}');
        } while (at > 0);
        if ((seen & 7) != 7) {
            throw Odd.ODD;
        }
        ledger.line(sku, skuLength, quantity, price);
        return -at;
    }

    /** Reads a sku after its opening quote. */
    private int sku(int from) throws Odd {
        byte[] text = this.text;
        int at = from;
        while (Rules.isInSku(text[at] & 0xFF)) {
            at++;
        }
        int length = at - from;
        if (text[at] != '"' || length == 0 || length > Rules.MAX_SKU) {
            throw Odd.ODD;
        }
        return at + 1;
    }

    /** Reads tags after the bracket that opens them. */
    private int tags(int from) throws Odd {
        int at = space(from);
        if (text[at] == ']') {
            return at + 1;
        }
        int count = 0;
        do {
            int end = string(quoted(at), 1, Rules.MAX_TAG);
            ledger.tag(ledger.symbols.of(text, start, length));
            if (++count > Rules.MAX_TAGS) {
                throw Odd.ODD;
            }
            at = text[end] == ',' && text[end + 1] == '"' ? end + 1 : separated(end, ']');
        } while (at > 0);
        return -at;
    }

    // --- values

    private long id() throws Odd {
        if (!Rules.isId(number)) {
            throw Odd.ODD;
        }
        return number;
    }

    private int quantity() throws Odd {
        if (number < 1 || number > Rules.MAX_QUANTITY) {
            throw Odd.ODD;
        }
        return (int) number;
    }

    private int price() throws Odd {
        if (number > Rules.MAX_PRICE) {
            throw Odd.ODD;
        }
        return (int) number;
    }

    private int strictNumber(int at) throws Odd {
        int end = number(at);
        if (end < 0) {
            throw Odd.ODD;
        }
        return end;
    }

    /** Reads digits, up to 16, as eight at a time are turned into a number; −1 if there are none. */
    private int number(int at) throws Odd {
        long digits = Words.at(text, at) ^ DATE_DIGITS;
        int count = digitsIn(digits);
        if (count == 0) {
            return -1;
        }
        if (count > 1 && (digits & 0xFF) == 0) {
            throw Odd.ODD; // a leading zero
        }
        number = value(digits, count);
        if (count < 8) {
            return at + count;
        }
        digits = Words.at(text, at + 8) ^ DATE_DIGITS;
        int more = digitsIn(digits);
        if (more == 0) {
            return at + 8;
        }
        number = number * TENS[more] + value(digits, more);
        if (more == 8 && text[at + 16] >= '0' && text[at + 16] <= '9') {
            throw Odd.ODD;
        }
        return at + 8 + more;
    }

    private static final long DATE_DIGITS = '0' * Words.ONES;

    private static int digitsIn(long digits) {
        long other = (digits + OVER_NINE | digits) & Words.HIGH;
        return Long.numberOfTrailingZeros(other) >>> 3;
    }

    /** The number of the first {@code count} bytes of a word, each the value of a digit. */
    private static long value(long digits, int count) {
        long aligned = digits << 64 - 8 * count;
        long pairs = aligned * (1 + (10 << 8)) >>> 8 & 0x00FF00FF00FF00FFL;
        long fours = pairs * (1 + (100 << 16)) >>> 16 & 0x0000FFFF0000FFFFL;
        return fours * (1 + (10_000L << 32)) >>> 32;
    }

    /** Reads a moment after its opening quote, as seven bytes of two digits each, which compare like it. */
    private int moment(int at) throws Odd {
        long date = Words.at(text, at) ^ DATE;
        long dayTime = Words.at(text, at + 8) ^ DAY_TIME;
        long second = (Words.at(text, at + 16) ^ SECOND) & FIVE;
        // no byte beyond 9; and none but 0 where a letter or a sign stands
        long wrong = (date + OVER_NINE | date | dayTime + OVER_NINE | dayTime | second + OVER_NINE | second) & Words.HIGH;
        wrong |= date & 0xFF0000FF00000000L | dayTime & 0x0000FF0000FF0000L | second & 0x000000FFFF0000FFL;
        if (wrong != 0) {
            throw Odd.ODD;
        }
        long dates = date * 10 + (date >>> 8); // in bytes 0, 2 and 5 two digits each
        long days = dayTime * 10 + (dayTime >>> 8); // in bytes 0, 3 and 6
        long seconds = second * 10 + (second >>> 8); // in byte 1
        int century = (int) dates & 0xFF;
        int year = (int) (dates >>> 16) & 0xFF;
        int month = (int) (dates >>> 40) & 0xFF;
        int day = (int) days & 0xFF;
        int hour = (int) (days >>> 24) & 0xFF;
        int minute = (int) (days >>> 48) & 0xFF;
        int last = (int) (seconds >>> 8) & 0xFF;
        if (!Rules.isDate(century * 100 + year, month, day) || !Rules.isTime(hour, minute, last)) {
            throw Odd.ODD;
        }
        placed = Moments.packed(century, year, month, day, hour, minute, last);
        return at + 21;
    }

    /** Reads a status after its opening quote. */
    private int status(int at) throws Odd {
        long word = Words.at(text, at);
        if (word == SHIPPED) {
            status = Ledger.PAID;
            return at + 8;
        }
        if ((word & FIVE) == PAID) {
            status = Ledger.PAID;
            return at + 5;
        }
        if ((word & FIVE) == OPEN) {
            status = Ledger.OPEN;
            return at + 5;
        }
        if (word == REFUNDED && text[at + 8] == '"') {
            status = Ledger.REFUNDED;
            return at + 9;
        }
        if (word == CANCELLED && text[at + 8] == 'd' && text[at + 9] == '"') {
            status = Ledger.CANCELLED;
            return at + 10;
        }
        throw Odd.ODD;
    }

    // --- strings

    /** Reads a string of so many characters after its opening quote, and unescapes it if need be. */
    private int string(int from, int low, int high) throws Odd {
        byte[] text = this.text;
        long beyondAscii = 0;
        int at = from;
        while (true) {
            long word = Words.at(text, at);
            long stop = stops(word);
            if (stop != 0) {
                int count = Long.numberOfTrailingZeros(stop) >>> 3;
                beyondAscii |= word & ~(-1L << 8 * count);
                at += count;
                break;
            }
            beyondAscii |= word;
            at += 8;
        }
        if (text[at] == '"') {
            start = from;
            length = at - from;
        } else if (text[at] == '\\') {
            at = unescaped(from);
            beyondAscii = Words.HIGH;
        } else {
            throw Odd.ODD;
        }
        int characters = (beyondAscii & Words.HIGH) == 0 ? length : characters();
        if (characters < low || characters > high) {
            throw Odd.ODD;
        }
        return at + 1;
    }

    /** High bits where a quote, a backslash or a control character stands; above the lowest there may be false ones. */
    private static long stops(long word) {
        long quotes = word ^ QUOTES;
        long backslashes = word ^ BACKSLASHES;
        return (quotes - Words.ONES & ~quotes | backslashes - Words.ONES & ~backslashes | word - SPACES & ~word)
                & Words.HIGH;
    }

    /** How many characters the last string has. */
    private int characters() throws Odd {
        byte[] text = this.text;
        int end = start + length;
        int count = 0;
        for (int at = start; at < end; count++) {
            if (text[at] >= 0) {
                at++;
                continue;
            }
            int size = Screen.character(text, at, end);
            if (size == 0) {
                throw Odd.ODD;
            }
            at += size;
        }
        return count;
    }

    /** Writes a string without its escapes to the end of the text; returns the position of its closing quote. */
    private int unescaped(int from) throws Odd {
        int close = from;
        for (; text[close] != '"'; close++) {
            if (text[close] == '\\') {
                close++;
            }
            if (text[close] >= 0 && text[close] < ' ') {
                throw Odd.ODD;
            }
        }
        byte[] text = ledger.reserve(close - from);
        this.text = text;
        int to = ledger.end;
        start = to;
        int at = from;
        while (at < close) {
            if (text[at] != '\\') {
                text[to++] = text[at++];
            } else if (text[at + 1] != 'u') {
                text[to++] = simple(text[at + 1]);
                at += 2;
            } else {
                int unit = Screen.unit(text, at, close);
                at += 6;
                if (unit >= 0xD800 && unit < 0xE000) {
                    int low = Screen.unit(text, at, close);
                    if (unit >= 0xDC00 || low < 0xDC00 || low >= 0xE000) {
                        throw Odd.ODD;
                    }
                    unit = Character.toCodePoint((char) unit, (char) low);
                    at += 6;
                }
                to = encoded(text, to, unit);
            }
        }
        length = to - start;
        ledger.end = to;
        return close;
    }

    private static byte simple(byte letter) throws Odd {
        return switch (letter) {
            case '"', '\\', '/' -> letter;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            default -> throw Odd.ODD;
        };
    }

    /** Writes a code point as UTF-8. Throws Odd where it is −1, no escape. */
    static int encoded(byte[] text, int from, int point) throws Odd {
        int to = from;
        if (point < 0) {
            throw Odd.ODD;
        }
        if (point < 0x80) {
            text[to++] = (byte) point;
            return to;
        }
        if (point < 0x800) {
            text[to++] = (byte) (0xC0 | point >> 6);
        } else {
            if (point < 0x10000) {
                text[to++] = (byte) (0xE0 | point >> 12);
            } else {
                text[to++] = (byte) (0xF0 | point >> 18);
                text[to++] = (byte) (0x80 | point >> 12 & 0x3F);
            }
            text[to++] = (byte) (0x80 | point >> 6 & 0x3F);
        }
        text[to++] = (byte) (0x80 | point & 0x3F);
        return to;
    }

    // --- what stands between values

    private int space(int from) {
        int at = from;
        while (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t') {
            at++;
        }
        return at;
    }

    private int opened(int at, char bracket) throws Odd {
        if (text[at] != bracket) {
            throw Odd.ODD;
        }
        return space(at + 1);
    }

    private int quoted(int at) throws Odd {
        if (text[at] != '"') {
            throw Odd.ODD;
        }
        return at + 1;
    }

    /** Where the next value begins after a comma; or minus the position after the bracket that closes them all. */
    private int separated(int from, char bracket) throws Odd {
        int at = space(from);
        if (text[at] == ',') {
            return space(at + 1);
        }
        if (text[at] != bracket) {
            throw Odd.ODD;
        }
        return -(at + 1);
    }

    /** Reads the name of a member, as {@code key}, and goes on to its value. */
    private int member(int at) throws Odd {
        int from = quoted(at);
        int end = from;
        while (text[end] >= 'a' && text[end] <= 'z') {
            end++;
        }
        int size = end - from;
        if (text[end] != '"' || size == 0 || size > 8) {
            throw Odd.ODD;
        }
        key = Words.first(text, from, size);
        end = space(end + 1);
        if (text[end] != ':') {
            throw Odd.ODD;
        }
        return space(end + 1);
    }

    private static int with(int seen, int bit) throws Odd {
        if ((seen & bit) != 0) {
            throw Odd.ODD;
        }
        return seen | bit;
    }
}
