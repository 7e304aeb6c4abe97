package statements.core;

import java.util.Arrays;

/** A core that falls back to {@link Judge}. */
public final class Strict {
    private final Core core;
    private long fallbacks;

    public Strict(Core core) {
        this.core = core;
    }

    /** Answers a document, like {@link Core#transform}. */
    public Bytes transform(byte[] document, int length) throws Refusal {
        try {
            return core.transform(document, length);
        } catch (Fallback fallback) {
            fallbacks++;
        }
        byte[] plain = Judge.plain(document, length);
        try {
            return core.transform(Arrays.copyOf(plain, plain.length + Core.ROOM), plain.length);
        } catch (Fallback fallback) {
            throw new IllegalStateException("the core falls back on a plain document that Judge finds valid", fallback);
        }
    }

    /** The number of documents that fell back to Judge. */
    public long fallbacks() {
        return fallbacks;
    }
}
