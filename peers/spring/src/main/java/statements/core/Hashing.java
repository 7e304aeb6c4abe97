package statements.core;

import java.util.concurrent.ThreadLocalRandom;

/** Hashes with a multiplier drawn per process, so that no client can prepare keys that collide. */
final class Hashing {
    private static final long MULTIPLIER = ThreadLocalRandom.current().nextLong() | 1;

    private Hashing() {}

    /** The upper 32 bits of a hash; a table uses as many of the highest bits as it needs. */
    static int of(long key) {
        long mixed = key * MULTIPLIER;
        return (int) ((mixed ^ mixed >>> 29) * MULTIPLIER >>> 32);
    }
}
