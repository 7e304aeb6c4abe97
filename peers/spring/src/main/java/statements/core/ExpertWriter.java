package statements.core;

import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.SerializableString;
import tools.jackson.core.io.SerializedString;

/** Writes a ledger as an answer with Jackson's generator; members' names are encoded beforehand. */
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
            writeNumber(ORDERS, ledger.ids.size());
            writeNumber(DUPLICATES, ledger.orders - ledger.ids.size());
            startList(CANCELLED);
            for (int at = 0; at < ledger.cancellations; at++) {
                out.writeNumber(ledger.cancelled[at]);
            }
            out.writeEndArray();
            startList(CUSTOMERS);
            for (int at = 0; at < ledger.customers; at++) {
                writeCustomer(ledger.sorted[at]);
            }
            out.writeEndArray();
            out.writeName(TOTALS);
            out.writeStartObject();
            writeNumber(CUSTOMERS, ledger.customers);
            writeSums(ledger.units, ledger.gross, ledger.refunded, ledger.open);
            out.writeEndObject();
            out.writeEndObject();
        }
        return answer;
    }

    private void writeCustomer(int at) {
        ledger.gather(at);
        out.writeStartObject();
        writeNumber(ID, ledger.id[at]);
        out.writeName(NAME);
        writeString(ledger.nameStart[at], ledger.nameLength[at]);
        writeNumber(ORDERS, ledger.orderCount[at]);
        writeMoment(FIRST, ledger.first[at]);
        writeMoment(LAST, ledger.last[at]);
        writeSums(ledger.unitsOf[at], ledger.grossOf[at], ledger.refundedOf[at], ledger.openOf[at]);
        startList(SKUS);
        writeSkus();
        out.writeEndArray();
        startList(TAGS);
        for (int tag = 0; tag < ledger.gatheredTags; tag++) {
            writeSymbol(ledger.tagRanks[tag]);
        }
        out.writeEndArray();
        startList(CHANNELS);
        for (int channel = 0; channel < ledger.gatheredChannels; channel++) {
            out.writeStartObject();
            out.writeName(CHANNEL);
            writeSymbol(ledger.channelRanks[channel]);
            writeNumber(ORDERS, ledger.takeOrders(channel));
            out.writeEndObject();
        }
        out.writeEndArray();
        out.writeEndObject();
    }

    private void writeSkus() {
        Ledger lines = this.ledger;
        int[] sorted = ledger.gathered;
        int count = ledger.gatheredLines;
        for (int at = 0; at < count; ) {
            int line = sorted[at];
            long units = lines.quantity(line);
            long amount = lines.amount(line);
            for (at++; at < count && lines.isSameSku(line, sorted[at]); at++) {
                units += lines.quantity(sorted[at]);
                amount += lines.amount(sorted[at]);
            }
            out.writeStartObject();
            out.writeName(SKU);
            out.writeRawUTF8String(ledger.text, lines.skuStart(line), lines.skuLength(line));
            writeNumber(UNITS, units);
            writeNumber(AMOUNT, amount);
            out.writeEndObject();
        }
    }

    private void writeSums(long units, long gross, long refunded, long open) {
        writeNumber(UNITS, units);
        writeNumber(GROSS, gross);
        writeNumber(REFUNDED, refunded);
        writeNumber(OPEN, open);
        writeNumber(NET, gross - refunded);
    }

    private void writeSymbol(int rank) {
        int symbol = ledger.symbols.ofRank(rank);
        writeString(ledger.symbols.start(symbol), ledger.symbols.length(symbol));
    }

    private void writeString(int start, int length) {
        out.writeUTF8String(ledger.text, start, length);
    }

    private void writeMoment(SerializableString name, long value) {
        Moments.write(value, moment, 0);
        out.writeName(name);
        out.writeRawUTF8String(moment, 0, Moments.LENGTH);
    }

    private void startList(SerializableString name) {
        out.writeName(name);
        out.writeStartArray();
    }

    private void writeNumber(SerializableString name, long value) {
        out.writeName(name);
        out.writeNumber(value);
    }
}
