package statements.core;

/** Writes a ledger as a statement, member by member into one array; what is known beforehand eight bytes at a time. */
final class HandWriter {
    private static final int FIXED = 420; // more than a customer's names of members and numbers take
    private static final int PER_LINE = 136; // more than those of a sku take
    private static final int PER_SYMBOL = 256; // more than a tag or a channel takes, all its characters escaped

    private static final Literal BATCH = Literal.of("{\"batch\":\"");
    private static final Literal CURRENCY = Literal.of("\",\"currency\":\"");
    private static final Literal ORDERS = Literal.of(",\"orders\":");
    private static final Literal DUPLICATES = Literal.of(",\"duplicates\":");
    private static final Literal CANCELLED = Literal.of(",\"cancelled\":[");
    private static final Literal CUSTOMERS = Literal.of(",\"customers\":[");
    private static final Literal ID = Literal.of("{\"id\":");
    private static final Literal NAME = Literal.of(",\"name\":\"");
    private static final Literal FIRST = Literal.of(",\"first\":\"");
    private static final Literal LAST = Literal.of("\",\"last\":\"");
    private static final Literal UNITS = Literal.of(",\"units\":");
    private static final Literal GROSS = Literal.of(",\"gross\":");
    private static final Literal REFUNDED = Literal.of(",\"refunded\":");
    private static final Literal OPEN = Literal.of(",\"open\":");
    private static final Literal NET = Literal.of(",\"net\":");
    private static final Literal SKUS = Literal.of(",\"skus\":[");
    private static final Literal SKU = Literal.of("{\"sku\":\"");
    private static final Literal SKU_UNITS = Literal.of("\",\"units\":");
    private static final Literal AMOUNT = Literal.of(",\"amount\":");
    private static final Literal TAGS = Literal.of("],\"tags\":[");
    private static final Literal CHANNELS = Literal.of("],\"channels\":[");
    private static final Literal CHANNEL = Literal.of("{\"channel\":\"");
    private static final Literal CHANNEL_ORDERS = Literal.of("\",\"orders\":");
    private static final Literal TOTALS = Literal.of("],\"totals\":{");
    private static final Literal TOTAL_CUSTOMERS = Literal.of("\"customers\":");
    private static final long ZEROS = '0' * Words.ONES;
    private static final long EIGHT_DIGITS = 100_000_000;

    /** Up to 16 characters as two words; a record, whose fields the compiler takes for constants. */
    private record Literal(long first, long second, int length) {
        static Literal of(String text) {
            return new Literal(Words.of(text, 0), text.length() > 8 ? Words.of(text, 8) : 0, text.length());
        }
    }

    private final Bytes answer = new Bytes();
    private Ledger ledger;
    private int escapedFrom;
    private byte[] text;
    private byte[] out;

    /** Writes what a ledger holds; strings of its text from {@code escapedFrom} on may need escapes. */
    Bytes write(Ledger ledger, int escapedFrom, int batchStart, int batchLength, int currencyStart) {
        this.ledger = ledger;
        this.escapedFrom = escapedFrom;
        text = ledger.text;
        answer.clear();
        reserve(FIXED + 6 * batchLength + 20 * ledger.cancellations);
        int to = put(BATCH, 0);
        to = string(batchStart, batchLength, to);
        to = put(CURRENCY, to);
        to = copy(currencyStart, 3, to);
        out[to++] = '"';
        to = number(ORDERS, ledger.ids.size(), to);
        to = number(DUPLICATES, ledger.orders - ledger.ids.size(), to);
        to = put(CANCELLED, to);
        for (int at = 0; at < ledger.cancellations; at++) {
            to = number(ledger.cancelled[at], to);
            out[to++] = ',';
        }
        to -= ledger.cancellations > 0 ? 1 : 0;
        out[to++] = ']';
        to = put(CUSTOMERS, to);
        for (int at = 0; at < ledger.customers; at++) {
            answer.length = to;
            to = customer(ledger.sorted[at], to);
        }
        to -= ledger.customers > 0 ? 1 : 0;
        answer.length = to;
        reserve(FIXED);
        answer.length = totals(to);
        return answer;
    }

    private int totals(int from) {
        int to = put(TOTALS, from);
        to = number(TOTAL_CUSTOMERS, ledger.customers, to);
        to = number(UNITS, ledger.units, to);
        to = number(GROSS, ledger.gross, to);
        to = number(REFUNDED, ledger.refunded, to);
        to = number(OPEN, ledger.open, to);
        to = number(NET, ledger.gross - ledger.refunded, to);
        out[to++] = '}';
        out[to++] = '}';
        return to;
    }

    private int customer(int at, int from) {
        ledger.gather(at);
        int nameLength = ledger.nameLength[at];
        int symbols = ledger.gatheredTags + ledger.gatheredChannels;
        reserve(FIXED + 6 * nameLength + PER_LINE * ledger.gatheredLines + PER_SYMBOL * symbols);
        byte[] out = this.out;
        int to = number(ID, ledger.id[at], from);
        to = put(NAME, to);
        to = name(ledger.nameStart[at], nameLength, to);
        out[to++] = '"';
        to = number(ORDERS, ledger.orderCount[at], to);
        to = put(FIRST, to);
        Moments.write(ledger.first[at], out, to);
        to = put(LAST, to + Moments.LENGTH);
        Moments.write(ledger.last[at], out, to);
        to += Moments.LENGTH;
        out[to++] = '"';
        to = number(UNITS, ledger.unitsOf[at], to);
        to = number(GROSS, ledger.grossOf[at], to);
        to = number(REFUNDED, ledger.refundedOf[at], to);
        to = number(OPEN, ledger.openOf[at], to);
        to = number(NET, ledger.grossOf[at] - ledger.refundedOf[at], to);
        to = skus(put(SKUS, to));
        to = tags(put(TAGS, to));
        to = channels(put(CHANNELS, to));
        out[to] = ']';
        out[to + 1] = '}';
        out[to + 2] = ',';
        return to + 3;
    }

    private int skus(int from) {
        Ledger ledger = this.ledger;
        byte[] out = this.out;
        int[] lines = ledger.gathered;
        int count = ledger.gatheredLines;
        int to = from;
        for (int at = 0; at < count; ) {
            int line = lines[at];
            long units = ledger.quantity(line);
            long amount = ledger.amount(line);
            for (at++; at < count && ledger.isSameSku(line, lines[at]); at++) {
                units += ledger.quantity(lines[at]);
                amount += ledger.amount(lines[at]);
            }
            to = put(SKU, to);
            to = copy(ledger.skuStart(line), ledger.skuLength(line), to);
            to = number(SKU_UNITS, units, to);
            to = number(AMOUNT, amount, to);
            out[to] = '}';
            out[to + 1] = ',';
            to += 2;
        }
        return to - 1; // there is one at least
    }

    private int tags(int from) {
        int to = from;
        for (int at = 0; at < ledger.gatheredTags; at++) {
            out[to++] = '"';
            to = symbol(ledger.tagRanks[at], to);
            out[to++] = '"';
            out[to++] = ',';
        }
        return ledger.gatheredTags > 0 ? to - 1 : to;
    }

    private int channels(int from) {
        int to = from;
        for (int at = 0; at < ledger.gatheredChannels; at++) {
            to = symbol(ledger.channelRanks[at], put(CHANNEL, to));
            to = number(CHANNEL_ORDERS, ledger.ordersOfChannel(at), to);
            out[to++] = '}';
            out[to++] = ',';
        }
        return ledger.gatheredChannels > 0 ? to - 1 : to;
    }

    private int symbol(int rank, int to) {
        int symbol = ledger.symbols.ofRank(rank);
        return string(ledger.symbols.start(symbol), ledger.symbols.length(symbol), to);
    }

    /** Makes room for so many bytes after those that the answer has. */
    private void reserve(int more) {
        answer.reserve(more);
        out = answer.array;
    }

    private int put(Literal literal, int to) {
        byte[] out = this.out;
        Words.LITTLE.set(out, to, literal.first);
        Words.LITTLE.set(out, to + 8, literal.second);
        return to + literal.length;
    }

    private int number(Literal name, long value, int to) {
        return number(value, put(name, to));
    }

    private int number(long value, int to) {
        byte[] out = this.out;
        if (value < EIGHT_DIGITS) {
            long digits = digits((int) value);
            int zeros = Long.numberOfTrailingZeros(digits | Long.MIN_VALUE) >>> 3; // seven at most
            Words.LITTLE.set(out, to, (digits | ZEROS) >>> 8 * zeros);
            return to + 8 - zeros;
        }
        int at = number(value / EIGHT_DIGITS, to);
        Words.LITTLE.set(out, at, digits((int) (value % EIGHT_DIGITS)) | ZEROS);
        return at + 8;
    }

    /** The eight digits of a number, the first in the lowest byte: halved into fours, pairs and ones, all at a time. */
    private static long digits(int value) {
        long fours = value / 10_000 | (long) (value % 10_000) << 32;
        long hundreds = fours * 10_486 >>> 20 & 0x0000007F0000007FL;
        long pairs = hundreds | fours - 100 * hundreds << 16;
        long tens = pairs * 103 >>> 10 & 0x000F000F000F000FL;
        return tens | pairs - 10 * tens << 8;
    }

    /** Copies bytes, up to sixteen more than are meant: they are written over, and room is made for them. */
    private int copy(int start, int length, int to) {
        byte[] out = this.out;
        if (length <= 16) {
            Words.LITTLE.set(out, to, Words.at(text, start));
            Words.LITTLE.set(out, to + 8, Words.at(text, start + 8));
        } else {
            System.arraycopy(text, start, out, to, length);
        }
        return to + length;
    }

    private int string(int start, int length, int from) {
        if (start < escapedFrom) {
            return copy(start, length, from);
        }
        int to = from;
        for (int at = start; at < start + length; at++) {
            to = escaped(text[at], to);
        }
        return to;
    }

    /** Writes a name, normalised. */
    private int name(int start, int length, int from) {
        byte[] text = this.text;
        byte[] out = this.out;
        boolean plain = start < escapedFrom;
        boolean space = false;
        int to = from;
        for (int at = start; at < start + length; at++) {
            byte each = text[at];
            if (Rules.isSpace(each)) {
                space = to > from;
                continue;
            }
            if (space) {
                out[to++] = ' ';
                space = false;
            }
            if (plain) {
                out[to++] = each;
            } else {
                to = escaped(each, to);
            }
        }
        return to;
    }

    private int escaped(byte each, int to) {
        return switch (each) {
            case '"' -> escape('"', to);
            case '\\' -> escape('\\', to);
            case '\b' -> escape('b', to);
            case '\f' -> escape('f', to);
            case '\n' -> escape('n', to);
            case '\r' -> escape('r', to);
            case '\t' -> escape('t', to);
            default -> {
                if (each < 0 || each >= ' ') {
                    out[to] = each;
                    yield to + 1;
                }
                int at = escape('u', to);
                out[at] = '0';
                out[at + 1] = '0';
                out[at + 2] = (byte) ('0' + (each >> 4));
                int low = each & 15;
                out[at + 3] = (byte) (low < 10 ? '0' + low : 'a' + low - 10);
                yield at + 4;
            }
        };
    }

    private int escape(char letter, int to) {
        out[to] = '\\';
        out[to + 1] = (byte) letter;
        return to + 2;
    }
}
