package statements.core;

/** A core: a batch of orders in, one statement per customer out. One object serves one thread. */
public interface Core {
    /** How many bytes after a document must belong to its array; the cores may put anything there. */
    int ROOM = 64;

    /**
     * Answers the document in the first {@code length} bytes of an array that is at least {@link #ROOM} longer.
     * The answer holds until the next call.
     *
     * @throws Refusal.Malformed what is no JSON as the spec wants it
     * @throws Refusal.Invalid what breaks a rule
     * @throws Odd what this core does not want to judge
     */
    Bytes transform(byte[] document, int length) throws Refusal, Odd;

    /** A core by its name: ordinary, expert or hand-written. */
    static Core named(String name) {
        return switch (name) {
            case "ordinary" -> new OrdinaryCore();
            case "expert" -> new ExpertCore();
            case "hand-written" -> new HandCore();
            default -> throw new IllegalArgumentException("no core named " + name + ": ordinary, expert, hand-written");
        };
    }
}
