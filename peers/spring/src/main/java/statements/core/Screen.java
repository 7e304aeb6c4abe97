package statements.core;

/** What Jackson lets pass and the spec does not: other encodings, bytes that are no UTF-8, half a surrogate pair. */
final class Screen {
    private static final long BACKSLASHES = '\\' * Words.ONES;

    private Screen() {}

    /** Raises Malformed for such a document; that it is JSON is not looked at. */
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
                at += each < 0 ? beyondAscii(document, at, length) : each == '\\' ? escape(document, at, length) : 1;
            }
        }
    }

    /** Whether a word has ASCII alone, and no backslash. */
    private static boolean isPlain(long word) {
        long other = word ^ BACKSLASHES; // ASCII, too, if the word is
        return ((other - Words.ONES | word) & Words.HIGH) == 0;
    }

    private static int beyondAscii(byte[] document, int at, int length) throws Refusal.Malformed {
        int size = character(document, at, length);
        if (size == 0) {
            throw new Refusal.Malformed("not UTF-8");
        }
        return size;
    }

    /** How many bytes an escape takes, with its other half if it is one of a pair; any that is none takes two. */
    private static int escape(byte[] document, int at, int length) throws Refusal.Malformed {
        int unit = unit(document, at, length);
        if (unit < 0xD800 || unit > 0xDFFF) {
            return 2;
        }
        int low = unit(document, at + 6, length);
        if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF) {
            throw new Refusal.Malformed("an unpaired surrogate escape");
        }
        return 12;
    }

    /** How many bytes the character beyond ASCII at {@code at} takes; 0 if it is none, or goes on after {@code end}. */
    static int character(byte[] bytes, int at, int end) {
        int first = bytes[at] & 0xFF;
        if (first < 0xC2 || first > 0xF4) {
            return 0;
        }
        int size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        if (at + size > end) {
            return 0;
        }
        for (int next = at + 1; next < at + size; next++) {
            if ((bytes[next] & 0xC0) != 0x80) {
                return 0;
            }
        }
        int second = bytes[at + 1] & 0xFF;
        boolean wrong = switch (first) {
            case 0xE0 -> second < 0xA0; // could be shorter
            case 0xED -> second > 0x9F; // a surrogate
            case 0xF0 -> second < 0x90; // could be shorter
            case 0xF4 -> second > 0x8F; // beyond U+10FFFF
            default -> false;
        };
        return wrong ? 0 : size;
    }

    /** The UTF-16 unit whose escape begins at {@code at}; −1 if none does. */
    static int unit(byte[] bytes, int at, int end) {
        if (at + 6 > end || bytes[at] != '\\' || bytes[at + 1] != 'u') {
            return -1;
        }
        int unit = 0;
        for (int next = at + 2; next < at + 6; next++) {
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
