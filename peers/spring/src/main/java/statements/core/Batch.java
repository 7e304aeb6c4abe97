package statements.core;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.annotation.JsonDeserialize;

/** A batch as it is sent; {@code isValid} checks the rules that its types do not express. */
record Batch(String batch, String currency, List<Order> orders) {
    boolean isValid() {
        return Rules.isText(batch, 1, Rules.MAX_BATCH)
                && Rules.isCurrency(currency)
                && orders != null
                && orders.size() <= Rules.MAX_ORDERS;
    }

    record Order(
            long id, String placed, String status, Customer customer, List<Line> lines, String channel, String note) {
        boolean isValid() {
            return Rules.isId(id)
                    && Rules.isMoment(placed)
                    && Rules.isStatus(status)
                    && customer != null
                    && customer.isValid()
                    && lines != null
                    && !lines.isEmpty()
                    && lines.size() <= Rules.MAX_LINES
                    && (channel == null || Rules.isText(channel, 1, Rules.MAX_CHANNEL))
                    && (note == null || Rules.isText(note, 0, Rules.MAX_NOTE));
        }
    }

    record Customer(long id, String name) {
        boolean isValid() {
            return Rules.isId(id) && name != null && Rules.isText(Rules.normalised(name), 1, Rules.MAX_NAME);
        }
    }

    record Line(
            String sku,
            int quantity,
            @JsonProperty(required = true) int price,
            @JsonDeserialize(using = Tags.class) List<String> tags) {
        boolean isValid() {
            if (!Rules.isSku(sku)
                    || quantity < 1
                    || quantity > Rules.MAX_QUANTITY
                    || price < 0
                    || price > Rules.MAX_PRICE) {
                return false;
            }
            if (tags == null) {
                return true;
            }
            if (tags.size() > Rules.MAX_TAGS) {
                return false;
            }
            for (String tag : tags) {
                if (!Rules.isText(tag, 1, Rules.MAX_TAG)) {
                    return false;
                }
            }
            return true;
        }

        long amount() {
            return (long) quantity * price;
        }
    }

    /** Tags may be absent, but not null; by itself, the mapper does not distinguish the two. */
    static final class Tags extends ValueDeserializer<List<String>> {
        @Override
        public List<String> deserialize(JsonParser parser, DeserializationContext context) {
            if (!parser.isExpectedStartArrayToken()) {
                return context.reportInputMismatch(List.class, "tags are an array");
            }
            List<String> tags = new ArrayList<>();
            while (parser.nextToken() == JsonToken.VALUE_STRING) {
                tags.add(parser.getString());
            }
            if (parser.currentToken() != JsonToken.END_ARRAY) {
                return context.reportInputMismatch(List.class, "a tag is a string");
            }
            return tags;
        }

        @Override
        public Object getNullValue(DeserializationContext context) {
            return context.reportInputMismatch(List.class, "tags are not null");
        }

        @Override
        public Object getAbsentValue(DeserializationContext context) {
            return null;
        }
    }
}
