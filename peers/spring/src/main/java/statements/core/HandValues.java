package statements.core;

/** The values of a document without white space: numbers, moments, statuses, skus. Each is kept in a field. */
abstract class HandValues extends HandTokens {
    private static final Literal OPEN = Literal.of("open\"");
    private static final Literal PAID = Literal.of("paid\"");
    private static final Literal SHIPPED = Literal.of("shipped\"");
    private static final Literal REFUNDED = Literal.of("refunded\"");
    private static final Literal CANCELLED = Literal.of("cancelled\"");
    private static final long ZEROS = '0' * Words.ONES;
    private static final long DATE = Words.of("0000-00-", 0);
    private static final long DAY_TIME = Words.of("00T00:00", 0);
    private static final long SECOND = Words.of(":00Z\"", 0);
    private static final long FIVE = 0x000000FFFFFFFFFFL; // the first five bytes of a word
    private static final long OVER_NINE = 0x7676767676767676L; // added to a byte above 9, it sets the high bit
    private static final long[] TENS = {
        1L, 10L, 100L, 1_000L, 10_000L, 100_000L, 1_000_000L, 10_000_000L, 100_000_000L
    };

    // the last value of each kind
    long number;
    long placed;
    int status;

    /** Parses up to 16 digits, eight at a time; −1 if there are none. */
    final int parseNumber(int at) throws Fallback {
        long digits = Words.at(text, at) ^ ZEROS;
        int count = digitsIn(digits);
        if (count == 0) {
            return -1;
        }
        if (count > 1 && (digits & 0xFF) == 0) {
            throw Fallback.TO_JUDGE; // a leading zero
        }
        number = value(digits, count);
        if (count < 8) {
            return at + count;
        }
        digits = Words.at(text, at + 8) ^ ZEROS;
        int more = digitsIn(digits);
        if (more == 0) {
            return at + 8;
        }
        number = number * TENS[more] + value(digits, more);
        if (more == 8 && text[at + 16] >= '0' && text[at + 16] <= '9') {
            throw Fallback.TO_JUDGE;
        }
        return at + 8 + more;
    }

    final int expectNumber(int at) throws Fallback {
        int end = parseNumber(at);
        if (end < 0) {
            throw Fallback.TO_JUDGE;
        }
        return end;
    }

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

    /** The last number, as an id. */
    final long id() throws Fallback {
        if (!Rules.isId(number)) {
            throw Fallback.TO_JUDGE;
        }
        return number;
    }

    /** The last number, as a quantity. */
    final int quantity() throws Fallback {
        if (number < 1 || number > Rules.MAX_QUANTITY) {
            throw Fallback.TO_JUDGE;
        }
        return (int) number;
    }

    /** The last number, as a price. */
    final int price() throws Fallback {
        if (number > Rules.MAX_PRICE) {
            throw Fallback.TO_JUDGE;
        }
        return (int) number;
    }

    /** Parses a moment after its opening quote into seven bytes of two digits each, which compare like the moment. */
    final int parseMoment(int at) throws Fallback {
        long date = Words.at(text, at) ^ DATE;
        long dayTime = Words.at(text, at + 8) ^ DAY_TIME;
        long second = (Words.at(text, at + 16) ^ SECOND) & FIVE;
        // no byte above 9, and only 0 where a letter or a sign stands
        long wrong = date + OVER_NINE | date | dayTime + OVER_NINE | dayTime | second + OVER_NINE | second;
        wrong &= Words.HIGH;
        wrong |= date & 0xFF0000FF00000000L | dayTime & 0x0000FF0000FF0000L | second & 0x000000FFFF0000FFL;
        if (wrong != 0) {
            throw Fallback.TO_JUDGE;
        }
        long dates = date * 10 + (date >>> 8); // two digits each in bytes 0, 2 and 5
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
            throw Fallback.TO_JUDGE;
        }
        placed = Moments.packed(century, year, month, day, hour, minute, last);
        return at + Moments.LENGTH + 1;
    }

    /** Parses a status after its opening quote. */
    final int parseStatus(int at) throws Fallback {
        byte[] text = this.text;
        if (SHIPPED.isAt(text, at)) {
            status = Ledger.PAID;
            return at + SHIPPED.length();
        }
        if (PAID.isAt(text, at)) {
            status = Ledger.PAID;
            return at + PAID.length();
        }
        if (OPEN.isAt(text, at)) {
            status = Ledger.OPEN;
            return at + OPEN.length();
        }
        if (REFUNDED.isAt(text, at)) {
            status = Ledger.REFUNDED;
            return at + REFUNDED.length();
        }
        if (CANCELLED.isAt(text, at)) {
            status = Ledger.CANCELLED;
            return at + CANCELLED.length();
        }
        throw Fallback.TO_JUDGE;
    }

    /** Parses a sku after its opening quote. */
    final int parseSku(int from) throws Fallback {
        byte[] text = this.text;
        int at = from;
        while (Rules.isInSku(text[at] & 0xFF)) {
            at++;
        }
        int length = at - from;
        if (text[at] != '"' || length == 0 || length > Rules.MAX_SKU) {
            throw Fallback.TO_JUDGE;
        }
        return at + 1;
    }
}
