package statements.core;

/** Characters as UTF-8 (RFC 3629). */
final class Utf8 {
    private Utf8() {}

    /** The number of bytes of the character beyond ASCII at {@code at}; 0 if it is malformed or passes {@code end}. */
    static int size(byte[] bytes, int at, int end) {
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
            case 0xE0 -> second < 0xA0; // overlong
            case 0xED -> second > 0x9F; // a surrogate
            case 0xF0 -> second < 0x90; // overlong
            case 0xF4 -> second > 0x8F; // beyond U+10FFFF
            default -> false;
        };
        return wrong ? 0 : size;
    }

    /** Writes a code point; returns the position behind it. */
    static int write(int point, byte[] text, int from) {
        int to = from;
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
}
