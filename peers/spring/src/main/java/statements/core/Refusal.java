package statements.core;

/** What is wrong with a document. It is not an error of the program, so it has no stack trace. */
public abstract sealed class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    private Refusal(String message) {
        super(message, null, false, false);
    }

    /** The bytes are not a JSON text that the spec allows. */
    public static final class Malformed extends Refusal {
        private static final long serialVersionUID = 1L;

        public Malformed(String why) {
            super(why);
        }
    }

    /** The JSON breaks a rule; the message is the JSON Pointer (RFC 6901) of the first breach. */
    public static final class Invalid extends Refusal {
        private static final long serialVersionUID = 1L;

        public Invalid(String pointer) {
            super(pointer);
        }
    }
}
