package statements;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import statements.core.Bytes;
import statements.core.Core;
import statements.core.Json;
import statements.core.Refusal;
import statements.core.Strict;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;

/**
 * A core without a server. It reads documents from standard input, each after its length in four bytes, and answers
 * each with a line of JSON: ["ok", length] and then the answer, ["invalid", pointer], or ["malformed"].
 */
public final class Pipe {
    private Pipe() {}

    public static void main(String[] arguments) throws IOException {
        Strict core = new Strict(Core.named(arguments[0]));
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        try (OutputStream out = new BufferedOutputStream(System.out)) {
            while (true) {
                byte[] document;
                try {
                    document = in.readNBytes(in.readInt());
                } catch (EOFException end) {
                    return;
                }
                answer(core, document, out);
                out.flush();
            }
        }
    }

    private static void answer(Strict core, byte[] document, OutputStream out) throws IOException {
        try {
            Bytes answer = core.transform(Arrays.copyOf(document, document.length + Core.ROOM), document.length);
            writeLine(out, "ok", answer.length);
            out.write(answer.array, 0, answer.length);
        } catch (Refusal.Invalid refusal) {
            writeLine(out, "invalid", refusal.getMessage());
        } catch (Refusal refusal) {
            writeLine(out, "malformed");
        }
    }

    private static void writeLine(OutputStream out, Object... items) throws IOException {
        Bytes line = new Bytes();
        try (JsonGenerator json = Json.FACTORY.createGenerator(ObjectWriteContext.empty(), line)) {
            json.writeStartArray();
            for (Object item : items) {
                if (item instanceof Integer number) {
                    json.writeNumber(number);
                } else {
                    json.writeString(item.toString());
                }
            }
            json.writeEndArray();
        }
        out.write(line.array, 0, line.length);
        out.write("\n".getBytes(StandardCharsets.US_ASCII));
    }
}
