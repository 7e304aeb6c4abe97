package statements.core;

import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.SerializableString;
import tools.jackson.core.io.SerializedString;

/** Writes a ledger as a statement by Jackson's generator, with names that are encoded beforehand. */
final class ExpertWriter {
    private static final SerializableString BATCH = name("batch");
    private static final SerializableString CURRENCY = name("currency");
    private static final SerializableString ORDERS = name("orders");
    private static final SerializableString DUPLICATES = name("duplicates");
    private static final SerializableString CANCELLED = name("cancelled");
    private static final SerializableString CUSTOMERS = name("customers");
    private static final SerializableString TOTALS = name("totals");
    private static final SerializableString ID = name("id");
    private static final SerializableString NAME = name("name");
    private static final SerializableString FIRST = name("first");
    private static final SerializableString LAST = name("last");
    private static final SerializableString UNITS = name("units");
    private static final SerializableString GROSS = name("gross");
    private static final SerializableString REFUNDED = name("refunded");
    private static final SerializableString OPEN = name("open");
    private static final SerializableString NET = name("net");
    private static final SerializableString SKUS = name("skus");
    private static final SerializableString SKU = name("sku");
    private static final SerializableString AMOUNT = name("amount");
    private static final SerializableString TAGS = name("tags");
    private static final SerializableString CHANNELS = name("channels");
    private static final SerializableString CHANNEL = name("channel");

    private final Bytes answer = new Bytes();
    private final byte[] moment = new byte[Moments.LENGTH];
    private Ledger ledger;
    private JsonGenerator out;

    private static SerializableString name(String text) {
        return new SerializedString(text);
    }

    Bytes write(Ledger ledger, String batch, String currency) {
        this.ledger = ledger;
        answer.clear();
        try (JsonGenerator opened = Json.FACTORY.createGenerator(ObjectWriteContext.empty(), answer)) {
            out = opened;
            out.writeStartObject();
            out.writeName(BATCH);
            out.writeString(batch);
            out.writeName(CURRENCY);
            out.writeString(currency);
            number(ORDERS, ledger.ids.size());
            number(DUPLICATES, ledger.orders - ledger.ids.size());
            list(CANCELLED);
            for (int at = 0; at < ledger.cancellations; at++) {
                out.writeNumber(ledger.cancelled[at]);
            }
            out.writeEndArray();
            list(CUSTOMERS);
            for (int at = 0; at < ledger.customers; at++) {
                customer(ledger.sorted[at]);
            }
            out.writeEndArray();
            out.writeName(TOTALS);
            out.writeStartObject();
            number(CUSTOMERS, ledger.customers);
            sums(ledger.units, ledger.gross, ledger.refunded, ledger.open);
            out.writeEndObject();
            out.writeEndObject();
        }
        return answer;
    }

    private void customer(int at) {
        ledger.gather(at);
        out.writeStartObject();
        number(ID, ledger.id[at]);
        out.writeName(NAME);
        string(ledger.nameStart[at], ledger.nameLength[at]);
        number(ORDERS, ledger.orderCount[at]);
        moment(FIRST, ledger.first[at]);
        moment(LAST, ledger.last[at]);
        sums(ledger.unitsOf[at], ledger.grossOf[at], ledger.refundedOf[at], ledger.openOf[at]);
        list(SKUS);
        skus();
        out.writeEndArray();
        list(TAGS);
        for (int tag = 0; tag < ledger.gatheredTags; tag++) {
            symbol(ledger.tagRanks[tag]);
        }
        out.writeEndArray();
        list(CHANNELS);
        for (int channel = 0; channel < ledger.gatheredChannels; channel++) {
            out.writeStartObject();
            out.writeName(CHANNEL);
            symbol(ledger.channelRanks[channel]);
            number(ORDERS, ledger.ordersOfChannel(channel));
            out.writeEndObject();
        }
        out.writeEndArray();
        out.writeEndObject();
    }

    private void skus() {
        int[] lines = ledger.gathered;
        int count = ledger.gatheredLines;
        for (int at = 0; at < count; ) {
            int line = lines[at];
            long units = ledger.quantity(line);
            long amount = ledger.amount(line);
            for (at++; at < count && ledger.isSameSku(line, lines[at]); at++) {
                units += ledger.quantity(lines[at]);
                amount += ledger.amount(lines[at]);
            }
            out.writeStartObject();
            out.writeName(SKU);
            out.writeRawUTF8String(ledger.text, ledger.skuStart(line), ledger.skuLength(line));
            number(UNITS, units);
            number(AMOUNT, amount);
            out.writeEndObject();
        }
    }

    private void sums(long units, long gross, long refunded, long open) {
        number(UNITS, units);
        number(GROSS, gross);
        number(REFUNDED, refunded);
        number(OPEN, open);
        number(NET, gross - refunded);
    }

    private void symbol(int rank) {
        int symbol = ledger.symbols.ofRank(rank);
        string(ledger.symbols.start(symbol), ledger.symbols.length(symbol));
    }

    private void string(int start, int length) {
        out.writeUTF8String(ledger.text, start, length);
    }

    private void moment(SerializableString name, long value) {
        Moments.write(value, moment, 0);
        out.writeName(name);
        out.writeRawUTF8String(moment, 0, Moments.LENGTH);
    }

    private void list(SerializableString name) {
        out.writeName(name);
        out.writeStartArray();
    }

    private void number(SerializableString name, long value) {
        out.writeName(name);
        out.writeNumber(value);
    }
}
