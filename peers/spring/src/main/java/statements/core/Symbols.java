package statements.core;

import java.util.Arrays;

/** The distinct strings of a document, numbered in order; their bytes are unescaped UTF-8 in the ledger's text. */
final class Symbols {
    private int[] table = new int[256]; // a symbol plus one; 0 is a free slot
    private int shift = 32 - 8;
    private int size;
    private int[] hashes = new int[128];
    private int[] starts = new int[128];
    private int[] lengths = new int[128];
    private int[] ranks = new int[128];
    private int[] ranked = new int[128];
    private long[] keys = new long[128];
    private byte[] text;
    private final Sorting sorting = new Sorting() {
        @Override
        boolean isBefore(int one, int other) {
            int a = starts[one];
            int b = starts[other];
            return Arrays.compareUnsigned(text, a, a + lengths[one], text, b, b + lengths[other]) < 0;
        }
    };

    void clear() {
        if (table.length > 1 << 14) {
            table = new int[256];
            shift = 32 - 8;
        } else {
            Arrays.fill(table, 0);
        }
        size = 0;
    }

    int size() {
        return size;
    }

    int start(int symbol) {
        return starts[symbol];
    }

    int length(int symbol) {
        return lengths[symbol];
    }

    /** The number of symbols that sort before this one; valid after {@link #rank(byte[])}. */
    int rank(int symbol) {
        return ranks[symbol];
    }

    int ofRank(int rank) {
        return ranked[rank];
    }

    /** The symbol of a string; reads up to seven bytes beyond its end. */
    int of(byte[] text, int start, int length) {
        int hash = hash(text, start, length);
        int slot = hash >>> shift;
        for (; table[slot] != 0; slot = slot + 1 & table.length - 1) {
            int symbol = table[slot] - 1;
            if (hashes[symbol] == hash && lengths[symbol] == length && equal(text, starts[symbol], start, length)) {
                return symbol;
            }
        }
        if (size == starts.length) {
            grow();
            return of(text, start, length);
        }
        table[slot] = size + 1;
        hashes[size] = hash;
        starts[size] = start;
        lengths[size] = length;
        return size++;
    }

    /** Sorts the symbols by code point, the order of their bytes. */
    void rank(byte[] text) {
        if (ranks.length < size) {
            ranks = new int[starts.length];
            ranked = new int[starts.length];
            keys = new long[starts.length];
        }
        for (int symbol = 0; symbol < size; symbol++) {
            ranked[symbol] = symbol;
            keys[symbol] = Words.key(text, starts[symbol], lengths[symbol]) ^ Long.MIN_VALUE; // compares unsigned
        }
        this.text = text;
        sorting.sort(ranked, size, keys);
        for (int rank = 0; rank < size; rank++) {
            ranks[ranked[rank]] = rank;
        }
    }

    private static int hash(byte[] text, int start, int length) {
        int left = length;
        int at = start;
        long mixed = length;
        for (; left > 8; left -= 8, at += 8) {
            mixed = ((long) Hashing.of(mixed ^ Words.at(text, at)) << 32) + mixed;
        }
        return Hashing.of(mixed ^ Words.first(text, at, left));
    }

    private static boolean equal(byte[] text, int one, int other, int length) {
        if (length <= 8) {
            return Words.first(text, one, length) == Words.first(text, other, length);
        }
        return Arrays.equals(text, one, one + length, text, other, other + length);
    }

    private void grow() {
        hashes = Arrays.copyOf(hashes, size * 2);
        starts = Arrays.copyOf(starts, size * 2);
        lengths = Arrays.copyOf(lengths, size * 2);
        table = new int[table.length * 2];
        shift--;
        for (int symbol = 0; symbol < size; symbol++) {
            int slot = hashes[symbol] >>> shift;
            while (table[slot] != 0) {
                slot = slot + 1 & table.length - 1;
            }
            table[slot] = symbol + 1;
        }
    }
}
