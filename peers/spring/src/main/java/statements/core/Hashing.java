package statements.core;

import java.util.concurrent.ThreadLocalRandom;

/** Hashes by a multiplier that is drawn anew for each process, so that nobody can send keys made to collide. */
final class Hashing {
    private static final long MULTIPLIER = ThreadLocalRandom.current().nextLong() | 1;

    private Hashing() {}

    /** The upper 32 bits of a hash, of which each user takes as many of the uppermost as it needs. */
    static int of(long key) {
        long mixed = key * MULTIPLIER;
        return (int) ((mixed ^ mixed >>> 29) * MULTIPLIER >>> 32);
    }
}
