package statements.core;

/** Thrown by a core that falls back to {@link Judge}: the document has an unusual form or breaks a rule. */
public final class Fallback extends Exception {
    private static final long serialVersionUID = 1L;
    static final Fallback TO_JUDGE = new Fallback();

    private Fallback() {
        super("not in the usual form", null, false, false);
    }
}
