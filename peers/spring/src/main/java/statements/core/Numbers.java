package statements.core;

import java.util.Arrays;

/** A hash table from positive integers to places, emptied for the next document. */
final class Numbers {
    private long[] keys = new long[256];
    private int[] places = new int[256];
    private int size;
    private int shift = 32 - 8;

    /** Removes all keys; does not keep a large table. */
    void clear() {
        if (keys.length > 1 << 14) {
            keys = new long[256];
            places = new int[256];
            shift = 32 - 8;
        } else {
            Arrays.fill(keys, 0);
        }
        size = 0;
    }

    int size() {
        return size;
    }

    /** The place of a key; a new key gets {@code place}. */
    int put(long key, int place) {
        if (size * 2 >= keys.length) {
            grow();
        }
        int slot = slot(key);
        if (keys[slot] == key) {
            return places[slot];
        }
        keys[slot] = key;
        places[slot] = place;
        size++;
        return place;
    }

    private int slot(long key) {
        int slot = Hashing.of(key) >>> shift;
        while (keys[slot] != key && keys[slot] != 0) {
            slot = slot + 1 & keys.length - 1;
        }
        return slot;
    }

    private void grow() {
        long[] held = keys;
        int[] at = places;
        keys = new long[held.length * 2];
        places = new int[held.length * 2];
        shift--;
        for (int old = 0; old < held.length; old++) {
            if (held[old] != 0) {
                int slot = slot(held[old]);
                keys[slot] = held[old];
                places[slot] = at[old];
            }
        }
    }
}
