package statements.core;

import java.util.Arrays;

/** A stable sort of indexes by the keys of their rows: insertion sort of short runs, then merges. */
abstract class Sorting {
    private static final int RUN = 16;
    private int[] spare = new int[64];
    private long[] keys;

    /** Tells whether one row sorts before another with an equal key. */
    abstract boolean isBefore(int one, int other);

    /** Sorts the first {@code count} indexes; {@code keys[index]} is the key of an index. */
    final void sort(int[] indexes, int count, long[] keys) {
        this.keys = keys;
        for (int from = 0; from < count; from += RUN) {
            insert(indexes, from, Math.min(from + RUN, count));
        }
        if (count <= RUN) {
            return;
        }
        if (spare.length < count) {
            spare = new int[indexes.length];
        }
        int[] source = indexes;
        int[] target = spare;
        for (int width = RUN; width < count; width *= 2) {
            for (int from = 0; from < count; from += 2 * width) {
                merge(source, target, from, Math.min(from + width, count), Math.min(from + 2 * width, count));
            }
            int[] merged = target;
            target = source;
            source = merged;
        }
        if (source != indexes) {
            System.arraycopy(source, 0, indexes, 0, count);
        }
        if (spare.length > 1 << 14) {
            spare = Arrays.copyOf(spare, 64);
        }
    }

    private void insert(int[] indexes, int from, int end) {
        long[] keys = this.keys;
        for (int at = from + 1; at < end; at++) {
            int index = indexes[at];
            long key = keys[index];
            int to = at;
            for (; to > from; to--) {
                int other = indexes[to - 1];
                if (key > keys[other] || key == keys[other] && !isBefore(index, other)) {
                    break;
                }
                indexes[to] = other;
            }
            indexes[to] = index;
        }
    }

    private boolean before(int one, int other) {
        return keys[one] != keys[other] ? keys[one] < keys[other] : isBefore(one, other);
    }

    private void merge(int[] source, int[] target, int from, int middle, int end) {
        int left = from;
        int right = middle;
        for (int to = from; to < end; to++) {
            boolean isRight = left == middle || right < end && before(source[right], source[left]);
            target[to] = isRight ? source[right++] : source[left++];
        }
    }
}
