package statements.core;

/**
 * An ASCII text of 1 to 16 characters, matched and written eight bytes at a time.
 *
 * <p>It is a record because the compiler takes the fields of a static final record for constants.
 */
record Literal(long first, long second, long last, long mask, int length) {
    static Literal of(String text) {
        int length = text.length();
        return new Literal(
                Words.of(text, 0),
                Words.of(text, Math.min(length, 8)),
                Words.of(text, Math.max(0, length - 8)),
                length < 8 ? ~(-1L << 8 * length) : -1L,
                length);
    }

    /**
     * Tells whether the literal stands at {@code at}.
     *
     * <p>It does not return the position behind the literal: compiled to a conditional move, that would make all that
     * follows wait for the comparison. Callers add {@link #length}.
     */
    boolean isAt(byte[] text, int at) {
        return (Words.at(text, at) & mask) == first && (length <= 8 || Words.at(text, at + length - 8) == last);
    }

    /** Writes the literal and overwrites up to 16 bytes; returns the position behind it. */
    int write(byte[] out, int to) {
        Words.LITTLE.set(out, to, first);
        Words.LITTLE.set(out, to + 8, second);
        return to + length;
    }
}
