package statements.core;

/** A core: a batch of orders in, one statement per customer out. One object serves one thread. */
public interface Core {
    /** The number of bytes that the array must have behind a document; cores overwrite them. */
    int ROOM = 64;

    /**
     * Answers the document in the first {@code length} bytes of an array that is at least {@link #ROOM} longer.
     * The answer holds until the next call.
     *
     * @throws Refusal.Malformed if it is not a JSON text that the spec allows
     * @throws Refusal.Invalid if it breaks a rule
     * @throws Fallback if {@link Judge} has to read it
     */
    Bytes transform(byte[] document, int length) throws Refusal, Fallback;

    /** Makes the core of a name: ordinary, expert or hand-written. */
    static Core named(String name) {
        return switch (name) {
            case "ordinary" -> new OrdinaryCore();
            case "expert" -> new ExpertCore();
            case "hand-written" -> new HandCore();
            default -> throw new IllegalArgumentException("no core named " + name + ": ordinary, expert, hand-written");
        };
    }
}
