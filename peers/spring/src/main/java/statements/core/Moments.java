package statements.core;

/** A moment as a number that compares like the moment: seven bytes of two digits each. */
final class Moments {
    static final int LENGTH = 20;
    private static final short[] DIGITS = new short[100];

    static {
        for (int value = 0; value < 100; value++) {
            DIGITS[value] = (short) ('0' + value / 10 | '0' + value % 10 << 8);
        }
    }

    private Moments() {}

    static long packed(int century, int year, int month, int day, int hour, int minute, int second) {
        return (long) century << 48
                | (long) year << 40
                | (long) month << 32
                | (long) day << 24
                | hour << 16
                | minute << 8
                | second;
    }

    /** Writes the 20 characters of a moment; returns the position behind them. */
    static int write(long moment, byte[] text, int to) {
        Words.PAIR.set(text, to, DIGITS[(int) (moment >>> 48)]);
        Words.PAIR.set(text, to + 2, DIGITS[(int) (moment >>> 40) & 0xFF]);
        text[to + 4] = '-';
        Words.PAIR.set(text, to + 5, DIGITS[(int) (moment >>> 32) & 0xFF]);
        text[to + 7] = '-';
        Words.PAIR.set(text, to + 8, DIGITS[(int) (moment >>> 24) & 0xFF]);
        text[to + 10] = 'T';
        Words.PAIR.set(text, to + 11, DIGITS[(int) (moment >>> 16) & 0xFF]);
        text[to + 13] = ':';
        Words.PAIR.set(text, to + 14, DIGITS[(int) (moment >>> 8) & 0xFF]);
        text[to + 16] = ':';
        Words.PAIR.set(text, to + 17, DIGITS[(int) moment & 0xFF]);
        text[to + 19] = 'Z';
        return to + LENGTH;
    }
}
