package statements.core;

import java.util.Arrays;

/**
 * The transform over the bytes: no parser library, no string, no object per value.
 *
 * <p>Orders and lines are first compared with their compact form: no white space, members in the order of the spec, as
 * most programs write them. Those in any other form are parsed again, member by member. A repeated or unknown member, a
 * wrong value and other rare input is a {@link Fallback}.
 */
final class HandCore extends HandLines implements Core {
    private static final int GAP = 32; // zeros between the document and the strings unescaped from it

    private static final Literal ID = Literal.of("{\"id\":");
    private static final Literal PLACED = Literal.of(",\"placed\":\"");
    private static final Literal STATUS = Literal.of(",\"status\":\"");
    private static final Literal CUSTOMER = Literal.of(",\"customer\":");
    private static final Literal NAME = Literal.of(",\"name\":\"");
    private static final Literal LINES = Literal.of("},\"lines\":[");
    private static final Literal CHANNEL = Literal.of(",\"channel\":");
    private static final Literal NOTE = Literal.of(",\"note\":");
    private static final Literal NULL = Literal.of("null");

    // members' names as numbers
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

    private final HandWriter writer = new HandWriter();

    // the last value of each kind
    private int symbol;
    private long customer;
    private int nameStart;
    private int nameLength;
    private int batchStart;
    private int batchLength;
    private int currencyStart;

    @Override
    public Bytes transform(byte[] document, int size) throws Fallback {
        Arrays.fill(document, size, size + GAP, (byte) 0);
        text = document;
        ledger.begin(document, size + GAP);
        if (skipSpace(parseBatch(skipSpace(0))) != size) {
            throw Fallback.TO_JUDGE;
        }
        ledger.finish();
        return writer.write(ledger, size, batchStart, batchLength, currencyStart);
    }

    // --- the batch

    private int parseBatch(int from) throws Fallback {
        int at = expectBracket(from, '{');
        int seen = 0;
        do {
            at = parseName(at);
            int bit;
            if (key == BATCH_NAME) {
                bit = 1;
                at = parseString(expectQuote(at), 1, Rules.MAX_BATCH);
                batchStart = start;
                batchLength = length;
            } else if (key == CURRENCY_NAME) {
                bit = 2;
                at = parseCurrency(expectQuote(at));
            } else if (key == ORDERS_NAME) {
                bit = 4;
                at = parseOrders(expectBracket(at, '['));
            } else {
                throw Fallback.TO_JUDGE;
            }
            seen = with(seen, bit);
            at = parseSeparator(at, '}');
        } while (at > 0);
        if (seen != 7) {
            throw Fallback.TO_JUDGE;
        }
        return -at;
    }

    private int parseCurrency(int at) throws Fallback {
        int end = parseString(at, 3, 3);
        for (int each = start; each < start + 3; each++) {
            if (text[each] < 'A' || text[each] > 'Z') {
                throw Fallback.TO_JUDGE;
            }
        }
        currencyStart = start;
        return end;
    }

    private int parseOrders(int from) throws Fallback {
        int at = from;
        if (text[at] == ']') {
            return at + 1;
        }
        do {
            int end = parseCompactOrder(at);
            if (end < 0) {
                ledger.discardOrder();
                end = parseAnyOrder(at);
            }
            if (ledger.orders > Rules.MAX_ORDERS) {
                throw Fallback.TO_JUDGE;
            }
            at = text[end] == ',' && text[end + 1] == '{' ? end + 1 : parseSeparator(end, ']');
        } while (at > 0);
        return -at;
    }

    // --- an order

    /** Parses an order in compact form; NONE if it has another. */
    private int parseCompactOrder(int from) throws Fallback {
        byte[] text = this.text;
        int at = from;
        if (!ID.isAt(text, at) || (at = parseNumber(at + ID.length())) < 0) {
            return NONE;
        }
        final long id = id();
        if (!PLACED.isAt(text, at)) {
            return NONE;
        }
        at = parseMoment(at + PLACED.length());
        if (!STATUS.isAt(text, at)) {
            return NONE;
        }
        at = parseStatus(at + STATUS.length());
        if (!CUSTOMER.isAt(text, at)) {
            return NONE;
        }
        at += CUSTOMER.length();
        if (!ID.isAt(text, at) || (at = parseNumber(at + ID.length())) < 0) {
            return NONE;
        }
        customer = id();
        if (!NAME.isAt(text, at)) {
            return NONE;
        }
        at = parseCustomerName(at + NAME.length());
        if (!LINES.isAt(this.text, at)) {
            return NONE;
        }
        final int orderStatus = status;
        final long orderPlaced = placed;
        at = parseLines(at + LINES.length());
        text = this.text;
        symbol = -1;
        if (CHANNEL.isAt(text, at)) {
            at = parseChannel(at + CHANNEL.length());
            text = this.text;
        }
        if (NOTE.isAt(text, at)) {
            at = parseNote(at + NOTE.length());
            text = this.text;
        }
        if (text[at] != '}') {
            return NONE;
        }
        ledger.closeOrder(id, orderPlaced, orderStatus, customer, nameStart, nameLength, symbol);
        return at + 1;
    }

    private int parseAnyOrder(int from) throws Fallback {
        int at = expectBracket(from, '{');
        int seen = 0;
        long id = 0;
        int channel = -1;
        do {
            at = parseName(at);
            int bit;
            if (key == ID_NAME) {
                bit = 1;
                at = expectNumber(at);
                id = id();
            } else if (key == PLACED_NAME) {
                bit = 2;
                at = parseMoment(expectQuote(at));
            } else if (key == STATUS_NAME) {
                bit = 4;
                at = parseStatus(expectQuote(at));
            } else if (key == CUSTOMER_NAME) {
                bit = 8;
                at = parseAnyCustomer(at);
            } else if (key == LINES_NAME) {
                bit = 16;
                at = parseLines(expectBracket(at, '['));
            } else if (key == CHANNEL_NAME) {
                bit = 32;
                at = parseChannel(at);
                channel = symbol;
            } else if (key == NOTE_NAME) {
                bit = 64;
                at = parseNote(at);
            } else {
                throw Fallback.TO_JUDGE;
            }
            seen = with(seen, bit);
            at = parseSeparator(at, '}');
        } while (at > 0);
        if ((seen & 31) != 31) {
            throw Fallback.TO_JUDGE;
        }
        ledger.closeOrder(id, placed, status, customer, nameStart, nameLength, channel);
        return -at;
    }

    private int parseAnyCustomer(int from) throws Fallback {
        int at = expectBracket(from, '{');
        int seen = 0;
        do {
            at = parseName(at);
            int bit;
            if (key == ID_NAME) {
                bit = 1;
                at = expectNumber(at);
                customer = id();
            } else if (key == NAME_NAME) {
                bit = 2;
                at = parseCustomerName(expectQuote(at));
            } else {
                throw Fallback.TO_JUDGE;
            }
            seen = with(seen, bit);
            at = parseSeparator(at, '}');
        } while (at > 0);
        if (seen != 3) {
            throw Fallback.TO_JUDGE;
        }
        return -at;
    }

    private int parseChannel(int at) throws Fallback {
        if (NULL.isAt(text, at)) {
            symbol = -1;
            return at + NULL.length();
        }
        int end = parseString(expectQuote(at), 1, Rules.MAX_CHANNEL);
        symbol = ledger.symbols.of(text, start, length);
        return end;
    }

    private int parseNote(int at) throws Fallback {
        return NULL.isAt(text, at) ? at + NULL.length() : parseString(expectQuote(at), 0, Rules.MAX_NOTE);
    }

    /** Parses a name. The writer normalises it, because most names are replaced by a later order's. */
    private int parseCustomerName(int at) throws Fallback {
        int end = parseString(at, 1, Integer.MAX_VALUE);
        if (length > Rules.MAX_NAME || Rules.isSpace(text[start])) {
            int characters = normalisedLength();
            if (characters < 1 || characters > Rules.MAX_NAME) {
                throw Fallback.TO_JUDGE;
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
}
