package statements.core;

import static statements.core.Refusal.Invalid;
import static statements.core.Refusal.Malformed;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Parses a document again, strictly, and says what is wrong with it, in the order of the spec's table. */
final class Judge {
    private static final JsonMapper MAPPER = JsonMapper.builder(Json.FACTORY)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private sealed interface Shape {}

    private record Value(Predicate<JsonNode> is) implements Shape {}

    private record Array(int low, int high, Shape element) implements Shape {}

    private record Member(String name, Shape shape, boolean optional) {}

    private record Members(List<Member> known) implements Shape {}

    private static final Shape LINE = new Members(List.of(
            member("sku", string(Rules::isSku)),
            member("quantity", integer(1, Rules.MAX_QUANTITY)),
            member("price", integer(0, Rules.MAX_PRICE)),
            optional("tags", new Array(0, Rules.MAX_TAGS, string(1, Rules.MAX_TAG)))));
    private static final Shape CUSTOMER = new Members(List.of(
            member("id", integer(1, Rules.MAX_INTEGER)),
            member("name", string(name -> Rules.isText(Rules.normalised(name), 1, Rules.MAX_NAME)))));
    private static final Shape ORDER = new Members(List.of(
            member("id", integer(1, Rules.MAX_INTEGER)),
            member("placed", string(Rules::isMoment)),
            member("status", string(Rules::isStatus)),
            member("customer", CUSTOMER),
            member("lines", new Array(1, Rules.MAX_LINES, LINE)),
            optional("channel", orNull(string(1, Rules.MAX_CHANNEL))),
            optional("note", orNull(string(0, Rules.MAX_NOTE)))));
    private static final Shape BATCH = new Members(List.of(
            member("batch", string(1, Rules.MAX_BATCH)),
            member("currency", string(Rules::isCurrency)),
            member("orders", new Array(0, Rules.MAX_ORDERS, ORDER))));

    private Judge() {}

    /** The plain spelling of a valid document: no repeated member, no needless escape. Else throws what is wrong. */
    static byte[] plain(byte[] document, int length) throws Refusal {
        Screen.check(document, length);
        JsonNode batch;
        try {
            batch = MAPPER.readTree(document, 0, length);
        } catch (JacksonException error) {
            throw new Malformed(error.getOriginalMessage());
        }
        if (batch == null || batch.isMissingNode()) {
            throw new Malformed("no document");
        }
        String breach = breach(batch, BATCH, "");
        if (breach != null) {
            throw new Invalid(breach);
        }
        if (isTooLarge(batch.get("orders"))) {
            throw new Invalid("/orders");
        }
        return MAPPER.writeValueAsBytes(batch);
    }

    /** The pointer of the first breach of a shape, or null. */
    private static String breach(JsonNode value, Shape shape, String pointer) {
        if (shape instanceof Value expected) {
            return expected.is.test(value) ? null : pointer;
        }
        if (shape instanceof Array array) {
            if (!value.isArray() || value.size() < array.low || value.size() > array.high) {
                return pointer;
            }
            for (int index = 0; index < value.size(); index++) {
                String found = breach(value.get(index), array.element, pointer + "/" + index);
                if (found != null) {
                    return found;
                }
            }
            return null;
        }
        return breach(value, (Members) shape, pointer);
    }

    private static String breach(JsonNode value, Members shape, String pointer) {
        if (!value.isObject()) {
            return pointer;
        }
        Set<String> names = new HashSet<>();
        for (Member member : shape.known) {
            names.add(member.name);
            String at = pointer + "/" + member.name;
            JsonNode held = value.get(member.name);
            String found = held != null ? breach(held, member.shape, at) : member.optional ? null : at;
            if (found != null) {
                return found;
            }
        }
        for (Map.Entry<String, JsonNode> entry : value.properties()) {
            if (!names.contains(entry.getKey())) {
                return pointer + "/" + entry.getKey().replace("~", "~0").replace("/", "~1");
            }
        }
        return null;
    }

    /** Tells whether gross plus open of the totals exceeds 2^53 − 1, in a batch that is otherwise valid. */
    private static boolean isTooLarge(JsonNode orders) {
        Set<Long> seen = new HashSet<>();
        long total = 0;
        for (JsonNode order : orders) {
            if (!seen.add(order.get("id").longValue()) || order.get("status").stringValue().equals("cancelled")) {
                continue;
            }
            for (JsonNode line : order.get("lines")) {
                total += line.get("quantity").longValue() * line.get("price").longValue();
                if (total > Rules.MAX_INTEGER) {
                    return true;
                }
            }
        }
        return false;
    }

    private static Member member(String name, Shape shape) {
        return new Member(name, shape, false);
    }

    private static Member optional(String name, Shape shape) {
        return new Member(name, shape, true);
    }

    private static Value integer(long low, long high) {
        return new Value(node -> node.isIntegralNumber()
                && node.canConvertToLong()
                && node.longValue() >= low
                && node.longValue() <= high);
    }

    private static Value string(Predicate<String> is) {
        return new Value(node -> node.isString() && is.test(node.stringValue()));
    }

    private static Value string(int low, int high) {
        return string(value -> Rules.isText(value, low, high));
    }

    private static Value orNull(Value value) {
        return new Value(node -> node.isNull() || value.is.test(node));
    }
}
