package statements.core;

/** The lines of an order and their tags: most of a document's bytes. */
abstract class HandLines extends HandValues {
    static final int NONE = -1; // not in compact form

    private static final Literal SKU = Literal.of("{\"sku\":\"");
    private static final Literal QUANTITY = Literal.of(",\"quantity\":");
    private static final Literal PRICE = Literal.of(",\"price\":");
    private static final Literal TAGS = Literal.of(",\"tags\":[");

    // members' names as numbers
    private static final long SKU_NAME = Words.first("sku");
    private static final long QUANTITY_NAME = Words.first("quantity");
    private static final long PRICE_NAME = Words.first("price");
    private static final long TAGS_NAME = Words.first("tags");

    /** Parses lines from behind the opening bracket. */
    final int parseLines(int from) throws Fallback {
        int at = skipSpace(from);
        int count = 0;
        do {
            int tags = ledger.tagCount();
            int end = parseCompactLine(at);
            if (end < 0) {
                ledger.resetTags(tags);
                end = parseAnyLine(at);
            }
            if (++count > Rules.MAX_LINES) {
                throw Fallback.TO_JUDGE;
            }
            if (text[end] == ']') {
                return end + 1;
            }
            at = text[end] == ',' && text[end + 1] == '{' ? end + 1 : parseSeparator(end, ']');
        } while (at > 0);
        return -at;
    }

    /** Parses a line in compact form; NONE if it has another. */
    private int parseCompactLine(int from) throws Fallback {
        byte[] text = this.text;
        if (!SKU.isAt(text, from)) {
            return NONE;
        }
        final int sku = from + SKU.length();
        int at = parseSku(sku);
        final int skuLength = at - 1 - sku;
        if (!QUANTITY.isAt(text, at) || (at = parseNumber(at + QUANTITY.length())) < 0) {
            return NONE;
        }
        final int quantity = quantity();
        if (!PRICE.isAt(text, at) || (at = parseNumber(at + PRICE.length())) < 0) {
            return NONE;
        }
        final int price = price();
        if (text[at] == ',') {
            if (!TAGS.isAt(text, at)) {
                return NONE;
            }
            at = parseTags(at + TAGS.length());
            text = this.text;
        }
        if (text[at] != '}') {
            return NONE;
        }
        ledger.addLine(sku, skuLength, quantity, price);
        return at + 1;
    }

    private int parseAnyLine(int from) throws Fallback {
        int at = expectBracket(from, '{');
        int seen = 0;
        int sku = 0;
        int skuLength = 0;
        int quantity = 0;
        int price = 0;
        do {
            at = parseName(at);
            int bit;
            if (key == SKU_NAME) {
                bit = 1;
                sku = expectQuote(at);
                at = parseSku(sku);
                skuLength = at - 1 - sku;
            } else if (key == QUANTITY_NAME) {
                bit = 2;
                at = expectNumber(at);
                quantity = quantity();
            } else if (key == PRICE_NAME) {
                bit = 4;
                at = expectNumber(at);
                price = price();
            } else if (key == TAGS_NAME) {
                bit = 8;
                at = parseTags(expectBracket(at, '['));
            } else {
                throw Fallback.TO_JUDGE;
            }
            seen = with(seen, bit);
            at = parseSeparator(at, '}');
        } while (at > 0);
        if ((seen & 7) != 7) {
            throw Fallback.TO_JUDGE;
        }
        ledger.addLine(sku, skuLength, quantity, price);
        return -at;
    }

    /** Parses tags from behind the opening bracket. */
    private int parseTags(int from) throws Fallback {
        int at = skipSpace(from);
        if (text[at] == ']') {
            return at + 1;
        }
        int count = 0;
        do {
            int end = parseString(expectQuote(at), 1, Rules.MAX_TAG);
            ledger.addTag(ledger.symbols.of(text, start, length));
            if (++count > Rules.MAX_TAGS) {
                throw Fallback.TO_JUDGE;
            }
            at = text[end] == ',' && text[end + 1] == '"' ? end + 1 : parseSeparator(end, ']');
        } while (at > 0);
        return -at;
    }
}
