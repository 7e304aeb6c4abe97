package statements.core;

/** Rejects what Jackson accepts against the spec: other encodings, invalid UTF-8, half a surrogate pair. */
final class Screen {
    static final int UNIT_LENGTH = 6; // of the escape of a UTF-16 unit
    private static final long BACKSLASHES = '\\' * Words.ONES;

    private Screen() {}

    /** Throws Malformed for such a document; does not check that the document is JSON. */
    static void check(byte[] document, int length) throws Refusal.Malformed {
        if (length >= 3 && document[0] == (byte) 0xEF && document[1] == (byte) 0xBB && document[2] == (byte) 0xBF) {
            throw new Refusal.Malformed("a byte order mark");
        }
        if (length >= 2 && (document[0] == 0 || document[1] == 0)) {
            throw new Refusal.Malformed("not UTF-8");
        }
        int at = 0;
        while (at < length) {
            if (at + 8 <= length && isPlain(Words.at(document, at))) {
                at += 8;
                continue;
            }
            for (int end = Math.min(at + 8, length); at < end; ) {
                byte each = document[at];
                at += each < 0
                        ? characterLength(document, at, length)
                        : each == '\\' ? escapeLength(document, at, length) : 1;
            }
        }
    }

    /** Tells whether a word is ASCII without a backslash. */
    private static boolean isPlain(long word) {
        long other = word ^ BACKSLASHES; // ASCII too, if the word is
        return ((other - Words.ONES | word) & Words.HIGH) == 0;
    }

    private static int characterLength(byte[] document, int at, int length) throws Refusal.Malformed {
        int size = Utf8.size(document, at, length);
        if (size == 0) {
            throw new Refusal.Malformed("not UTF-8");
        }
        return size;
    }

    /** The length of an escape, or of both escapes of a surrogate pair; 2 for any that is not of a surrogate. */
    private static int escapeLength(byte[] document, int at, int length) throws Refusal.Malformed {
        int unit = parseUnit(document, at, length);
        if (unit < 0xD800 || unit > 0xDFFF) {
            return 2;
        }
        int low = parseUnit(document, at + UNIT_LENGTH, length);
        if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF) {
            throw new Refusal.Malformed("an unpaired surrogate escape");
        }
        return 2 * UNIT_LENGTH;
    }

    /** The UTF-16 unit whose escape begins at {@code at}; −1 if none does. */
    static int parseUnit(byte[] bytes, int at, int end) {
        if (at + UNIT_LENGTH > end || bytes[at] != '\\' || bytes[at + 1] != 'u') {
            return -1;
        }
        int unit = 0;
        for (int next = at + 2; next < at + UNIT_LENGTH; next++) {
            int digit = hex(bytes[next]);
            if (digit < 0) {
                return -1;
            }
            unit = unit << 4 | digit;
        }
        return unit;
    }

    private static int hex(byte digit) {
        if (digit >= '0' && digit <= '9') {
            return digit - '0';
        }
        int letter = digit | 0x20;
        return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
    }
}
