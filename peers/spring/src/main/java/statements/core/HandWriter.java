package statements.core;

/**
 * Writes a ledger as an answer, member by member into one array, and literals eight bytes at a time.
 *
 * <p>Methods that write return the position behind what they wrote.
 */
final class HandWriter {
    // bytes to reserve
    private static final int FIXED = 420; // for the literals and numbers of a customer, or of the batch
    private static final int PER_LINE = 136; // for a sku with its literals and numbers
    private static final int PER_SYMBOL = 256; // for a tag or channel of escaped characters alone

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

    private final Bytes answer = new Bytes();
    private Ledger ledger;
    private int escapedFrom;
    private byte[] text;
    private byte[] out;

    /** Writes a ledger as an answer. Strings of its text from {@code escapedFrom} on may need escapes. */
    Bytes write(Ledger ledger, int escapedFrom, int batchStart, int batchLength, int currencyStart) {
        this.ledger = ledger;
        this.escapedFrom = escapedFrom;
        text = ledger.text;
        answer.clear();
        reserve(FIXED + 6 * batchLength + 20 * ledger.cancellations);
        int to = BATCH.write(out, 0);
        to = writeString(batchStart, batchLength, to);
        to = CURRENCY.write(out, to);
        to = copy(currencyStart, 3, to);
        out[to++] = '"';
        to = writeNumber(ORDERS, ledger.ids.size(), to);
        to = writeNumber(DUPLICATES, ledger.orders - ledger.ids.size(), to);
        to = CANCELLED.write(out, to);
        for (int at = 0; at < ledger.cancellations; at++) {
            to = writeNumber(ledger.cancelled[at], to);
            out[to++] = ',';
        }
        to -= ledger.cancellations > 0 ? 1 : 0;
        out[to++] = ']';
        to = CUSTOMERS.write(out, to);
        for (int at = 0; at < ledger.customers; at++) {
            answer.length = to;
            to = writeCustomer(ledger.sorted[at], to);
        }
        to -= ledger.customers > 0 ? 1 : 0;
        answer.length = to;
        reserve(FIXED);
        answer.length = writeTotals(to);
        return answer;
    }

    private int writeTotals(int from) {
        int to = TOTALS.write(out, from);
        to = writeNumber(TOTAL_CUSTOMERS, ledger.customers, to);
        to = writeNumber(UNITS, ledger.units, to);
        to = writeNumber(GROSS, ledger.gross, to);
        to = writeNumber(REFUNDED, ledger.refunded, to);
        to = writeNumber(OPEN, ledger.open, to);
        to = writeNumber(NET, ledger.gross - ledger.refunded, to);
        out[to++] = '}';
        out[to++] = '}';
        return to;
    }

    private int writeCustomer(int at, int from) {
        ledger.gather(at);
        int nameLength = ledger.nameLength[at];
        int symbols = ledger.gatheredTags + ledger.gatheredChannels;
        reserve(FIXED + 6 * nameLength + PER_LINE * ledger.gatheredLines + PER_SYMBOL * symbols);
        byte[] out = this.out;
        int to = writeNumber(ID, ledger.id[at], from);
        to = NAME.write(out, to);
        to = writeName(ledger.nameStart[at], nameLength, to);
        out[to++] = '"';
        to = writeNumber(ORDERS, ledger.orderCount[at], to);
        to = FIRST.write(out, to);
        to = Moments.write(ledger.first[at], out, to);
        to = LAST.write(out, to);
        to = Moments.write(ledger.last[at], out, to);
        out[to++] = '"';
        to = writeNumber(UNITS, ledger.unitsOf[at], to);
        to = writeNumber(GROSS, ledger.grossOf[at], to);
        to = writeNumber(REFUNDED, ledger.refundedOf[at], to);
        to = writeNumber(OPEN, ledger.openOf[at], to);
        to = writeNumber(NET, ledger.grossOf[at] - ledger.refundedOf[at], to);
        to = writeSkus(SKUS.write(out, to));
        to = writeTags(TAGS.write(out, to));
        to = writeChannels(CHANNELS.write(out, to));
        out[to] = ']';
        out[to + 1] = '}';
        out[to + 2] = ',';
        return to + 3;
    }

    private int writeSkus(int from) {
        Ledger lines = this.ledger;
        byte[] out = this.out;
        int[] sorted = ledger.gathered;
        int count = ledger.gatheredLines;
        int to = from;
        for (int at = 0; at < count; ) {
            int line = sorted[at];
            long units = lines.quantity(line);
            long amount = lines.amount(line);
            for (at++; at < count && lines.isSameSku(line, sorted[at]); at++) {
                units += lines.quantity(sorted[at]);
                amount += lines.amount(sorted[at]);
            }
            to = SKU.write(out, to);
            to = copy(lines.skuStart(line), lines.skuLength(line), to);
            to = writeNumber(SKU_UNITS, units, to);
            to = writeNumber(AMOUNT, amount, to);
            out[to] = '}';
            out[to + 1] = ',';
            to += 2;
        }
        return to - 1; // there is at least one
    }

    private int writeTags(int from) {
        int to = from;
        for (int at = 0; at < ledger.gatheredTags; at++) {
            out[to++] = '"';
            to = writeSymbol(ledger.tagRanks[at], to);
            out[to++] = '"';
            out[to++] = ',';
        }
        return ledger.gatheredTags > 0 ? to - 1 : to;
    }

    private int writeChannels(int from) {
        int to = from;
        for (int at = 0; at < ledger.gatheredChannels; at++) {
            to = writeSymbol(ledger.channelRanks[at], CHANNEL.write(out, to));
            to = writeNumber(CHANNEL_ORDERS, ledger.takeOrders(at), to);
            out[to++] = '}';
            out[to++] = ',';
        }
        return ledger.gatheredChannels > 0 ? to - 1 : to;
    }

    private int writeSymbol(int rank, int to) {
        int symbol = ledger.symbols.ofRank(rank);
        return writeString(ledger.symbols.start(symbol), ledger.symbols.length(symbol), to);
    }

    /** Makes room for so many more bytes of the answer. */
    private void reserve(int more) {
        answer.reserve(more);
        out = answer.array;
    }

    private int writeNumber(Literal name, long value, int to) {
        return writeNumber(value, name.write(out, to));
    }

    private int writeNumber(long value, int to) {
        byte[] out = this.out;
        if (value < EIGHT_DIGITS) {
            long digits = digits((int) value);
            int zeros = Long.numberOfTrailingZeros(digits | Long.MIN_VALUE) >>> 3; // at most seven
            Words.LITTLE.set(out, to, (digits | ZEROS) >>> 8 * zeros);
            return to + 8 - zeros;
        }
        int at = writeNumber(value / EIGHT_DIGITS, to);
        Words.LITTLE.set(out, at, digits((int) (value % EIGHT_DIGITS)) | ZEROS);
        return at + 8;
    }

    /** The eight digits of a number, the first in the lowest byte: by fours, pairs and single digits, all at once. */
    private static long digits(int value) {
        long fours = value / 10_000 | (long) (value % 10_000) << 32;
        long hundreds = fours * 10_486 >>> 20 & 0x0000007F0000007FL;
        long pairs = hundreds | fours - 100 * hundreds << 16;
        long tens = pairs * 103 >>> 10 & 0x000F000F000F000FL;
        return tens | pairs - 10 * tens << 8;
    }

    /** Copies bytes, and overwrites up to sixteen more: {@link #reserve} makes room for them. */
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

    private int writeString(int start, int length, int from) {
        if (start < escapedFrom) {
            return copy(start, length, from);
        }
        int to = from;
        for (int at = start; at < start + length; at++) {
            to = writeCharacter(text[at], to);
        }
        return to;
    }

    /** Writes a name and normalises it. */
    private int writeName(int start, int length, int from) {
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
                to = writeCharacter(each, to);
            }
        }
        return to;
    }

    private int writeCharacter(byte each, int to) {
        return switch (each) {
            case '"' -> writeEscape('"', to);
            case '\\' -> writeEscape('\\', to);
            case '\b' -> writeEscape('b', to);
            case '\f' -> writeEscape('f', to);
            case '\n' -> writeEscape('n', to);
            case '\r' -> writeEscape('r', to);
            case '\t' -> writeEscape('t', to);
            default -> {
                if (each < 0 || each >= ' ') {
                    out[to] = each;
                    yield to + 1;
                }
                int at = writeEscape('u', to);
                out[at] = '0';
                out[at + 1] = '0';
                out[at + 2] = (byte) ('0' + (each >> 4));
                int low = each & 15;
                out[at + 3] = (byte) (low < 10 ? '0' + low : 'a' + low - 10);
                yield at + 4;
            }
        };
    }

    private int writeEscape(char letter, int to) {
        out[to] = '\\';
        out[to + 1] = (byte) letter;
        return to + 2;
    }
}
