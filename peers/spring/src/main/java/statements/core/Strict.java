package statements.core;

import java.util.Arrays;

/** A core, and the judge for whatever it does not want to judge. */
public final class Strict {
    private final Core core;
    private long judged;

    public Strict(Core core) {
        this.core = core;
    }

    /** The answer to a document, as {@link Core#transform}. */
    public Bytes transform(byte[] document, int length) throws Refusal {
        try {
            return core.transform(document, length);
        } catch (Odd odd) {
            judged++;
        }
        byte[] plain = Judge.plain(document, length);
        try {
            return core.transform(Arrays.copyOf(plain, plain.length + Core.ROOM), plain.length);
        } catch (Odd odd) {
            throw new IllegalStateException("the core refuses a plain document that the judge finds valid", odd);
        }
    }

    /** How many documents the judge had to read. */
    public long judged() {
        return judged;
    }
}
