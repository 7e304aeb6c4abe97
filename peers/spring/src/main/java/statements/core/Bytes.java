package statements.core;

import java.io.OutputStream;
import java.util.Arrays;

/** Bytes appended to an array, which is kept for the next answer. */
public final class Bytes extends OutputStream {
    private static final int KEPT = 1 << 20; // a larger array is not kept

    public byte[] array = new byte[1 << 15];
    public int length;

    /** Removes all bytes. */
    public void clear() {
        length = 0;
        if (array.length > KEPT) {
            array = new byte[KEPT];
        }
    }

    /** Makes room for so many more bytes. */
    public void reserve(int more) {
        if (array.length - length < more) {
            array = Arrays.copyOf(array, Math.addExact(Math.max(array.length, more), length));
        }
    }

    @Override
    public void write(int value) {
        reserve(1);
        array[length++] = (byte) value;
    }

    @Override
    public void write(byte[] from, int at, int count) {
        reserve(count);
        System.arraycopy(from, at, array, length, count);
        length += count;
    }
}
