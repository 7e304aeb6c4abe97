package statements.core;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Bytes as words, eight at a time. */
final class Words {
    static final VarHandle LITTLE = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle BIG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    static final VarHandle PAIR = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    static final long ONES = 0x0101010101010101L;
    static final long HIGH = 0x8080808080808080L;

    private Words() {}

    static long at(byte[] bytes, int at) {
        return (long) LITTLE.get(bytes, at);
    }

    /** The first 1 to 8 bytes as a number that is unique for the bytes and their count. */
    static long first(byte[] bytes, int at, int count) {
        return at(bytes, at) << 64 - 8 * count;
    }

    /** The first eight bytes, padded with zeros, as a number that compares unsigned like the bytes. */
    static long key(byte[] bytes, int at, int length) {
        long word = (long) BIG.get(bytes, at);
        return length < 8 ? word & -1L << 64 - 8 * length : word;
    }

    /** {@link #first} of a whole ASCII text. */
    static long first(String text) {
        return first(padded(text, 0), 0, text.length());
    }

    /** Eight characters of an ASCII text from {@code from} on, padded with zeros. */
    static long of(String text, int from) {
        return at(padded(text, from), 0);
    }

    private static byte[] padded(String text, int from) {
        byte[] bytes = new byte[8];
        byte[] ascii = text.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(ascii, from, bytes, 0, Math.min(8, Math.max(0, ascii.length - from)));
        return bytes;
    }
}
