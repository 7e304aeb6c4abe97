package statements.core;

/** Thrown by a core that does not want to judge a document: {@link Judge} reads it anew. */
public final class Odd extends Exception {
    private static final long serialVersionUID = 1L;
    static final Odd ODD = new Odd();

    private Odd() {
        super("not in the usual form", null, false, false);
    }
}
