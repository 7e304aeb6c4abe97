package statements;

import java.io.IOException;
import java.io.InputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The OpenAPI document. */
final class Promises {
    private Promises() {}

    /** The document with the operations that every implementation has. */
    static byte[] ofCore() throws IOException {
        try (InputStream file = Promises.class.getResourceAsStream("/openapi.json")) {
            JsonNode document = JsonMapper.shared().readTree(file);
            ((ObjectNode) document.get("paths")).removeIf(item -> !isCore(item));
            return JsonMapper.shared().writeValueAsBytes(document);
        }
    }

    private static boolean isCore(JsonNode item) {
        for (JsonNode operation : item) {
            for (JsonNode tag : operation.path("tags")) {
                if (tag.asString().equals("core")) {
                    return true;
                }
            }
        }
        return false;
    }
}
