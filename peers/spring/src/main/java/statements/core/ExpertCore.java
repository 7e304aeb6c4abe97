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
 * <p>What is read goes to a {@link Ledger}. A repeated or unknown member and every wrong value are {@link Odd}.
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

    // the string that was put last
    private int start;
    private int length;

    // the order that is being read
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
    public Bytes transform(byte[] document, int size) throws Refusal, Odd {
        Screen.check(document, size);
        ledger.begin(text, 0);
        try (JsonParser opened = Json.FACTORY.createParser(ObjectReadContext.empty(), document, 0, size)) {
            parser = opened;
            expect(JsonToken.START_OBJECT);
            batch();
            expect(null);
        } catch (JacksonException error) {
            throw Odd.ODD;
        }
        text = ledger.text.length > 1 << 20 ? new byte[START_BYTES] : ledger.text;
        ledger.finish();
        return writer.write(ledger, batch, currency);
    }

    private void batch() throws Odd {
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
                default -> orders();
            }
        }
        end();
        require(seen == 7);
    }

    private void orders() throws Odd {
        expect(JsonToken.START_ARRAY);
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            order();
            require(ledger.orders <= Rules.MAX_ORDERS);
        }
        require(parser.currentToken() == JsonToken.END_ARRAY);
    }

    private void order() throws Odd {
        int seen = 0;
        long id = 0;
        int channel = -1;
        for (int name; (name = parser.nextNameMatch(OF_ORDER)) >= 0; ) {
            seen = with(seen, name);
            switch (name) {
                case 0 -> id = id();
                case 1 -> moment();
                case 2 -> status();
                case 3 -> customer();
                case 4 -> lines();
                case 5 -> channel = channel();
                default -> note();
            }
        }
        end();
        require((seen & 31) == 31);
        ledger.close(id, placed, status, customer, nameStart, nameLength, channel);
    }

    private void customer() throws Odd {
        expect(JsonToken.START_OBJECT);
        int seen = 0;
        for (int name; (name = parser.nextNameMatch(OF_CUSTOMER)) >= 0; ) {
            seen = with(seen, name);
            switch (name) {
                case 0 -> customer = id();
                default -> name();
            }
        }
        end();
        require(seen == 3);
    }

    /** Reads a name, and puts it normalised. */
    private void name() throws Odd {
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
                    characters[from + kept++] = ' '; // the parser's own buffer, which it is done with
                    space = false;
                }
                characters[from + kept++] = each;
            }
        }
        int points = put(characters, from, kept);
        require(points >= 1 && points <= Rules.MAX_NAME);
        nameStart = start;
        nameLength = length;
    }

    private void lines() throws Odd {
        expect(JsonToken.START_ARRAY);
        int count = 0;
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            line();
            require(++count <= Rules.MAX_LINES);
        }
        require(parser.currentToken() == JsonToken.END_ARRAY && count > 0);
    }

    private void line() throws Odd {
        int seen = 0;
        int sku = 0;
        int skuLength = 0;
        int quantity = 0;
        int price = 0;
        for (int name; (name = parser.nextNameMatch(OF_LINE)) >= 0; ) {
            seen = with(seen, name);
            switch (name) {
                case 0 -> {
                    sku();
                    sku = start;
                    skuLength = length;
                }
                case 1 -> quantity = integer(1, Rules.MAX_QUANTITY);
                case 2 -> price = integer(0, Rules.MAX_PRICE);
                default -> tags();
            }
        }
        end();
        require((seen & 7) == 7);
        ledger.line(sku, skuLength, quantity, price);
    }

    private void sku() throws Odd {
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

    private void tags() throws Odd {
        expect(JsonToken.START_ARRAY);
        int count = 0;
        while (parser.nextToken() == JsonToken.VALUE_STRING) {
            ledger.tag(symbol(Rules.MAX_TAG));
            require(++count <= Rules.MAX_TAGS);
        }
        require(parser.currentToken() == JsonToken.END_ARRAY);
    }

    private int channel() throws Odd {
        JsonToken token = parser.nextToken();
        if (token == JsonToken.VALUE_NULL) {
            return -1;
        }
        require(token == JsonToken.VALUE_STRING);
        return symbol(Rules.MAX_CHANNEL);
    }

    private void note() throws Odd {
        JsonToken token = parser.nextToken();
        if (token != JsonToken.VALUE_NULL) {
            require(token == JsonToken.VALUE_STRING);
            int units = parser.getStringLength();
            require(units <= Rules.MAX_NOTE || Rules.isText(parser.getString(), 0, Rules.MAX_NOTE));
        }
    }

    /** The symbol of the current string; a new one stays in the text. */
    private int symbol(int high) throws Odd {
        int points = put(parser.getStringCharacters(), parser.getStringOffset(), parser.getStringLength());
        require(points >= 1 && points <= high);
        int symbol = ledger.symbols.of(ledger.text, start, length);
        if (ledger.symbols.start(symbol) != start) {
            ledger.end = start;
        }
        return symbol;
    }

    private long id() throws Odd {
        expect(JsonToken.VALUE_NUMBER_INT);
        long value = parser.getLongValue();
        require(Rules.isId(value));
        return value;
    }

    private int integer(int low, int high) throws Odd {
        expect(JsonToken.VALUE_NUMBER_INT);
        int value = parser.getIntValue();
        require(value >= low && value <= high);
        return value;
    }

    private void moment() throws Odd {
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
        int century = two(characters, from);
        int year = two(characters, from + 2);
        int month = two(characters, from + 5);
        int day = two(characters, from + 8);
        int hour = two(characters, from + 11);
        int minute = two(characters, from + 14);
        int second = two(characters, from + 17);
        require(Rules.isDate(century * 100 + year, month, day) && Rules.isTime(hour, minute, second));
        placed = Moments.packed(century, year, month, day, hour, minute, second);
    }

    private static int two(char[] characters, int at) throws Odd {
        int tens = characters[at] - '0';
        int ones = characters[at + 1] - '0';
        require(tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9);
        return tens * 10 + ones;
    }

    private void status() throws Odd {
        expect(JsonToken.VALUE_STRING);
        char[] characters = parser.getStringCharacters();
        int from = parser.getStringOffset();
        int count = parser.getStringLength();
        require(count > 0);
        switch (characters[from]) {
            case 'o' -> status(characters, from, count, "open", Ledger.OPEN);
            case 'p' -> status(characters, from, count, "paid", Ledger.PAID);
            case 's' -> status(characters, from, count, "shipped", Ledger.PAID);
            case 'r' -> status(characters, from, count, "refunded", Ledger.REFUNDED);
            default -> status(characters, from, count, "cancelled", Ledger.CANCELLED);
        }
    }

    private void status(char[] characters, int from, int count, String expected, int meant) throws Odd {
        require(count == expected.length());
        for (int at = 0; at < count; at++) {
            require(characters[from + at] == expected.charAt(at));
        }
        status = meant;
    }

    /** Puts characters, as UTF-8, at the end of the text; returns how many code points they are. */
    private int put(char[] characters, int from, int count) throws Odd {
        byte[] text = ledger.reserve(3 * count);
        int to = ledger.end;
        start = to;
        int points = 0;
        int end = from + count;
        for (int at = from; at < end; points++) {
            char each = characters[at++];
            if (each < 0x80) {
                text[to++] = (byte) each;
            } else if (Character.isHighSurrogate(each)) { // that each has its low one was looked at before
                to = HandCore.encoded(text, to, Character.toCodePoint(each, characters[at++]));
            } else {
                to = HandCore.encoded(text, to, each);
            }
        }
        length = to - start;
        ledger.end = to;
        return points;
    }

    private void expect(JsonToken token) throws Odd {
        require(parser.nextToken() == token);
    }

    private void end() throws Odd {
        require(parser.currentToken() == JsonToken.END_OBJECT);
    }

    private static void require(boolean holds) throws Odd {
        if (!holds) {
            throw Odd.ODD;
        }
    }

    private static int with(int seen, int index) throws Odd {
        require((seen & 1 << index) == 0);
        return seen | 1 << index;
    }
}
