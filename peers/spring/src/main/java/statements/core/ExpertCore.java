package statements.core;

import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.sym.PropertyNameMatcher;
import tools.jackson.core.util.Named;

/**
 * The transform over Jackson's streams: no reflection, no object per value, member names matched without a string.
 *
 * <p>It parses into a {@link Ledger}. A repeated or unknown member or a wrong value is a {@link Fallback}.
 */
final class ExpertCore implements Core {
    private static final PropertyNameMatcher OF_BATCH = matcher("batch", "currency", "orders");
    private static final PropertyNameMatcher OF_ORDER =
            matcher("id", "placed", "status", "customer", "lines", "channel", "note");
    private static final PropertyNameMatcher OF_CUSTOMER = matcher("id", "name");
    private static final PropertyNameMatcher OF_LINE = matcher("sku", "quantity", "price", "tags");
    private static final int START_BYTES = 1 << 14; // of the ledger's text

    private final Ledger ledger = new Ledger();
    private final ExpertWriter writer = new ExpertWriter();
    private byte[] text = new byte[START_BYTES];
    private JsonParser parser;

    // the last string that was stored
    private int start;
    private int length;

    // the order that is being parsed
    private long placed;
    private int status;
    private long customer;
    private int nameStart;
    private int nameLength;
    private String batch;
    private String currency;

    private static PropertyNameMatcher matcher(String... names) {
        return Json.FACTORY.constructNameMatcher(
                List.of(names).stream().map(Named::fromString).toList(), false);
    }

    @Override
    public Bytes transform(byte[] document, int size) throws Refusal, Fallback {
        Screen.check(document, size);
        ledger.begin(text, 0);
        try (JsonParser opened = Json.FACTORY.createParser(ObjectReadContext.empty(), document, 0, size)) {
            parser = opened;
            expect(JsonToken.START_OBJECT);
            parseBatch();
            expect(null);
        } catch (JacksonException error) {
            throw Fallback.TO_JUDGE;
        }
        text = ledger.text.length > 1 << 20 ? new byte[START_BYTES] : ledger.text;
        ledger.finish();
        return writer.write(ledger, batch, currency);
    }

    private void parseBatch() throws Fallback {
        int seen = 0;
        for (int name; (name = parser.nextNameMatch(OF_BATCH)) >= 0; ) {
            seen = with(seen, name);
            switch (name) {
                case 0 -> {
                    expect(JsonToken.VALUE_STRING);
                    batch = parser.getString();
                    require(Rules.isText(batch, 1, Rules.MAX_BATCH));
                }
                case 1 -> {
                    expect(JsonToken.VALUE_STRING);
                    currency = parser.getString();
                    require(Rules.isCurrency(currency));
                }
                default -> parseOrders();
            }
        }
        expectEnd();
        require(seen == 7);
    }

    private void parseOrders() throws Fallback {
        expect(JsonToken.START_ARRAY);
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            parseOrder();
            require(ledger.orders <= Rules.MAX_ORDERS);
        }
        require(parser.currentToken() == JsonToken.END_ARRAY);
    }

    private void parseOrder() throws Fallback {
        int seen = 0;
        long id = 0;
        int channel = -1;
        for (int name; (name = parser.nextNameMatch(OF_ORDER)) >= 0; ) {
            seen = with(seen, name);
            switch (name) {
                case 0 -> id = parseId();
                case 1 -> parseMoment();
                case 2 -> parseStatus();
                case 3 -> parseCustomer();
                case 4 -> parseLines();
                case 5 -> channel = parseChannel();
                default -> parseNote();
            }
        }
        expectEnd();
        require((seen & 31) == 31);
        ledger.closeOrder(id, placed, status, customer, nameStart, nameLength, channel);
    }

    private void parseCustomer() throws Fallback {
        expect(JsonToken.START_OBJECT);
        int seen = 0;
        for (int name; (name = parser.nextNameMatch(OF_CUSTOMER)) >= 0; ) {
            seen = with(seen, name);
            switch (name) {
                case 0 -> customer = parseId();
                default -> parseName();
            }
        }
        expectEnd();
        require(seen == 3);
    }

    /** Parses a name and stores it normalised. */
    private void parseName() throws Fallback {
        expect(JsonToken.VALUE_STRING);
        char[] characters = parser.getStringCharacters();
        int from = parser.getStringOffset();
        int count = parser.getStringLength();
        int kept = 0;
        boolean space = false;
        for (int at = from; at < from + count; at++) {
            char each = characters[at];
            if (Rules.isSpace(each)) {
                space = kept > 0;
            } else {
                if (space) {
                    characters[from + kept++] = ' '; // in the parser's buffer, which it no longer uses
                    space = false;
                }
                characters[from + kept++] = each;
            }
        }
        int points = store(characters, from, kept);
        require(points >= 1 && points <= Rules.MAX_NAME);
        nameStart = start;
        nameLength = length;
    }

    private void parseLines() throws Fallback {
        expect(JsonToken.START_ARRAY);
        int count = 0;
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            parseLine();
            require(++count <= Rules.MAX_LINES);
        }
        require(parser.currentToken() == JsonToken.END_ARRAY && count > 0);
    }

    private void parseLine() throws Fallback {
        int seen = 0;
        int sku = 0;
        int skuLength = 0;
        int quantity = 0;
        int price = 0;
        for (int name; (name = parser.nextNameMatch(OF_LINE)) >= 0; ) {
            seen = with(seen, name);
            switch (name) {
                case 0 -> {
                    parseSku();
                    sku = start;
                    skuLength = length;
                }
                case 1 -> quantity = parseInteger(1, Rules.MAX_QUANTITY);
                case 2 -> price = parseInteger(0, Rules.MAX_PRICE);
                default -> parseTags();
            }
        }
        expectEnd();
        require((seen & 7) == 7);
        ledger.addLine(sku, skuLength, quantity, price);
    }

    private void parseSku() throws Fallback {
        expect(JsonToken.VALUE_STRING);
        char[] characters = parser.getStringCharacters();
        int from = parser.getStringOffset();
        int count = parser.getStringLength();
        require(count >= 1 && count <= Rules.MAX_SKU);
        byte[] text = ledger.reserve(count);
        int to = ledger.end;
        for (int at = 0; at < count; at++) {
            char each = characters[from + at];
            require(Rules.isInSku(each));
            text[to + at] = (byte) each;
        }
        start = to;
        length = count;
        ledger.end = to + count;
    }

    private void parseTags() throws Fallback {
        expect(JsonToken.START_ARRAY);
        int count = 0;
        while (parser.nextToken() == JsonToken.VALUE_STRING) {
            ledger.addTag(parseSymbol(Rules.MAX_TAG));
            require(++count <= Rules.MAX_TAGS);
        }
        require(parser.currentToken() == JsonToken.END_ARRAY);
    }

    private int parseChannel() throws Fallback {
        JsonToken token = parser.nextToken();
        if (token == JsonToken.VALUE_NULL) {
            return -1;
        }
        require(token == JsonToken.VALUE_STRING);
        return parseSymbol(Rules.MAX_CHANNEL);
    }

    private void parseNote() throws Fallback {
        JsonToken token = parser.nextToken();
        if (token != JsonToken.VALUE_NULL) {
            require(token == JsonToken.VALUE_STRING);
            int units = parser.getStringLength();
            require(units <= Rules.MAX_NOTE || Rules.isText(parser.getString(), 0, Rules.MAX_NOTE));
        }
    }

    /** The symbol of the current string. The string of a new symbol stays in the text. */
    private int parseSymbol(int high) throws Fallback {
        int points = store(parser.getStringCharacters(), parser.getStringOffset(), parser.getStringLength());
        require(points >= 1 && points <= high);
        int symbol = ledger.symbols.of(ledger.text, start, length);
        if (ledger.symbols.start(symbol) != start) {
            ledger.end = start;
        }
        return symbol;
    }

    private long parseId() throws Fallback {
        expect(JsonToken.VALUE_NUMBER_INT);
        long value = parser.getLongValue();
        require(Rules.isId(value));
        return value;
    }

    private int parseInteger(int low, int high) throws Fallback {
        expect(JsonToken.VALUE_NUMBER_INT);
        int value = parser.getIntValue();
        require(value >= low && value <= high);
        return value;
    }

    private void parseMoment() throws Fallback {
        expect(JsonToken.VALUE_STRING);
        char[] characters = parser.getStringCharacters();
        int from = parser.getStringOffset();
        require(parser.getStringLength() == Moments.LENGTH
                && characters[from + 4] == '-'
                && characters[from + 7] == '-'
                && characters[from + 10] == 'T'
                && characters[from + 13] == ':'
                && characters[from + 16] == ':'
                && characters[from + 19] == 'Z');
        int century = parsePair(characters, from);
        int year = parsePair(characters, from + 2);
        int month = parsePair(characters, from + 5);
        int day = parsePair(characters, from + 8);
        int hour = parsePair(characters, from + 11);
        int minute = parsePair(characters, from + 14);
        int second = parsePair(characters, from + 17);
        require(Rules.isDate(century * 100 + year, month, day) && Rules.isTime(hour, minute, second));
        placed = Moments.packed(century, year, month, day, hour, minute, second);
    }

    private static int parsePair(char[] characters, int at) throws Fallback {
        int tens = characters[at] - '0';
        int ones = characters[at + 1] - '0';
        require(tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9);
        return tens * 10 + ones;
    }

    private void parseStatus() throws Fallback {
        expect(JsonToken.VALUE_STRING);
        char[] characters = parser.getStringCharacters();
        int from = parser.getStringOffset();
        int count = parser.getStringLength();
        require(count > 0);
        switch (characters[from]) {
            case 'o' -> matchStatus(characters, from, count, "open", Ledger.OPEN);
            case 'p' -> matchStatus(characters, from, count, "paid", Ledger.PAID);
            case 's' -> matchStatus(characters, from, count, "shipped", Ledger.PAID);
            case 'r' -> matchStatus(characters, from, count, "refunded", Ledger.REFUNDED);
            default -> matchStatus(characters, from, count, "cancelled", Ledger.CANCELLED);
        }
    }

    private void matchStatus(char[] characters, int from, int count, String expected, int meant) throws Fallback {
        require(count == expected.length());
        for (int at = 0; at < count; at++) {
            require(characters[from + at] == expected.charAt(at));
        }
        status = meant;
    }

    /** Stores characters as UTF-8 at the end of the text; returns their number of code points. */
    private int store(char[] characters, int from, int count) throws Fallback {
        byte[] text = ledger.reserve(3 * count);
        int to = ledger.end;
        start = to;
        int points = 0;
        int end = from + count;
        for (int at = from; at < end; points++) {
            char each = characters[at++];
            if (each < 0x80) {
                text[to++] = (byte) each;
            } else if (Character.isHighSurrogate(each)) { // `Screen` has checked that a low one follows
                to = Utf8.write(Character.toCodePoint(each, characters[at++]), text, to);
            } else {
                to = Utf8.write(each, text, to);
            }
        }
        length = to - start;
        ledger.end = to;
        return points;
    }

    private void expect(JsonToken token) throws Fallback {
        require(parser.nextToken() == token);
    }

    private void expectEnd() throws Fallback {
        require(parser.currentToken() == JsonToken.END_OBJECT);
    }

    private static void require(boolean holds) throws Fallback {
        if (!holds) {
            throw Fallback.TO_JUDGE;
        }
    }

    private static int with(int seen, int index) throws Fallback {
        require((seen & 1 << index) == 0);
        return seen | 1 << index;
    }
}
