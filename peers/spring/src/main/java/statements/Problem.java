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
    private final String member; // a further one, such as the pointer to what is invalid; null without one
    private final String value;

    Problem(int status, String title, String detail) {
        this(status, title, detail, null, null);
    }

    Problem(int status, String title, String detail, String member, String value) {
        super(detail, null, false, false);
        this.status = status;
        this.title = title;
        this.member = member;
        this.value = value;
    }

    byte[] body() {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        try (JsonGenerator out = Json.FACTORY.createGenerator(ObjectWriteContext.empty(), body)) {
            out.writeStartObject();
            out.writeStringProperty("title", title);
            out.writeNumberProperty("status", status);
            out.writeStringProperty("detail", getMessage());
            if (member != null) {
                out.writeStringProperty(member, value);
            }
            out.writeEndObject();
        }
        return body.toByteArray();
    }
}
