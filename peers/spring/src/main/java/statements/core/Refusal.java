package statements.core;

/** What is wrong with a document: it tells of that and not of the program, so it carries no stack. */
public abstract sealed class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    private Refusal(String message) {
        super(message, null, false, false);
    }

    /** The bytes are not one JSON text as the spec wants it. */
    public static final class Malformed extends Refusal {
        private static final long serialVersionUID = 1L;

        public Malformed(String why) {
            super(why);
        }
    }

    /** The JSON breaks a rule, first at the JSON Pointer (RFC 6901) that is the message. */
    public static final class Invalid extends Refusal {
        private static final long serialVersionUID = 1L;

        public Invalid(String pointer) {
            super(pointer);
        }
    }
}
