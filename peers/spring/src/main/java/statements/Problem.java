package statements;

import java.io.ByteArrayOutputStream;
import statements.core.Json;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;

/** An answer other than 200, with the problem details of RFC 9457. */
final class Problem extends Exception {
    private static final long serialVersionUID = 1L;

    final int status;
    private final String title;
    private final String pointer; // null unless the document is invalid

    Problem(int status, String title, String detail) {
        this(status, title, detail, null);
    }

    Problem(int status, String title, String detail, String pointer) {
        super(detail, null, false, false);
        this.status = status;
        this.title = title;
        this.pointer = pointer;
    }

    byte[] body() {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        try (JsonGenerator out = Json.FACTORY.createGenerator(ObjectWriteContext.empty(), body)) {
            out.writeStartObject();
            out.writeStringProperty("title", title);
            out.writeNumberProperty("status", status);
            out.writeStringProperty("detail", getMessage());
            if (pointer != null) {
                out.writeStringProperty("pointer", pointer);
            }
            out.writeEndObject();
        }
        return body.toByteArray();
    }
}
