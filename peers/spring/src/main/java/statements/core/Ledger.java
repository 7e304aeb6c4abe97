package statements.core;

import java.util.Arrays;

/**
 * The orders of a batch, grouped by customer without an object each, for cores that parse a stream.
 *
 * <p>Strings are ranges of {@code text}. A parser adds the lines and tags of an order, then closes it. Before that it
 * may {@linkplain #discardOrder discard} them and add them again. After {@link #finish}, a writer takes the customers
 * in {@code sorted} order and {@linkplain #gather gathers} each.
 */
final class Ledger extends Columns {
    static final int OPEN = 0;
    static final int PAID = 1; // and shipped
    static final int REFUNDED = 2;
    static final int CANCELLED = 3;

    byte[] text;
    int end; // of the used part of the text

    // the batch
    final Numbers ids = new Numbers();
    int orders;
    long[] cancelled = new long[32];
    int cancellations;
    long units;
    long gross;
    long refunded;
    long open;

    final Symbols symbols = new Symbols();
    private final Numbers places = new Numbers(); // of customers, by id

    // the order that is being parsed
    private long orderUnits;
    private long orderAmount;

    // one customer's: lines by sku, ranks of tags, ranks of channels with their numbers of orders
    int[] sorted = new int[64];
    private long[] debt = new long[64]; // net, negated: the lowest comes first
    int[] gathered = new int[64];
    int gatheredLines;
    int[] tagRanks = new int[64];
    int gatheredTags;
    int[] channelRanks = new int[64];
    int gatheredChannels;
    private int[] counts = new int[64]; // how often each rank was met; all 0 between customers
    private final Sorting bySku = new Sorting() {
        @Override
        boolean isBefore(int one, int other) {
            return Math.max(skuLength[one], skuLength[other]) > 8 && compareSkus(one, other) < 0;
        }
    };
    private final Sorting byNet = new Sorting() {
        @Override
        boolean isBefore(int one, int other) {
            return id[one] < id[other];
        }
    };

    /** Begins a batch; the text is used up to {@code end}. */
    void begin(byte[] text, int end) {
        this.text = text;
        this.end = end;
        ids.clear();
        places.clear();
        symbols.clear();
        clearColumns();
        if (isLarge(sorted.length)) {
            sorted = new int[64];
            debt = new long[64];
        }
        orders = cancellations = 0;
        units = gross = refunded = open = 0;
        orderUnits = orderAmount = 0;
    }

    /** Makes room for so many more bytes of text, and for words that reach beyond them; returns the text. */
    byte[] reserve(int more) {
        if (text.length - end < more + 16) {
            text = Arrays.copyOf(text, Math.addExact(text.length, Math.max(text.length, more + 16)));
        }
        return text;
    }

    /** Adds a line to the order that is being parsed. */
    void addLine(int start, int length, int quantity, int price) {
        if (lines == skuKey.length) {
            growLines();
        }
        skuKey[lines] = Words.key(text, start, length);
        skuStart[lines] = start;
        skuLength[lines] = length;
        this.quantity[lines] = quantity;
        long product = (long) quantity * price;
        amount[lines++] = product;
        orderUnits += quantity;
        orderAmount += product;
    }

    /** Adds a tag to the order that is being parsed. */
    void addTag(int symbol) {
        if (tags == tag.length) {
            tag = Arrays.copyOf(tag, 2 * tags);
        }
        tag[tags++] = symbol;
    }

    int tagCount() {
        return tags;
    }

    /** Discards all but the first {@code count} tags. */
    void resetTags(int count) {
        tags = count;
    }

    /** Discards the lines and tags of the order that is being parsed. */
    void discardOrder() {
        lines = grouped == 0 ? 0 : lastLine[grouped - 1];
        tags = grouped == 0 ? 0 : lastTag[grouped - 1];
        orderUnits = orderAmount = 0;
    }

    /** Ends an order; {@code channel} is a symbol, or −1. Throws Fallback where amounts become too large. */
    void closeOrder(long orderId, long placed, int status, long customer, int nameStart, int nameLength, int channel)
            throws Fallback {
        int place = orders++;
        if (ids.put(orderId, place) != place) {
            discardOrder();
            return;
        }
        if (status == CANCELLED) {
            if (cancellations == cancelled.length) {
                cancelled = Arrays.copyOf(cancelled, 2 * cancellations);
            }
            cancelled[cancellations++] = orderId;
            discardOrder();
            return;
        }
        int at = places.put(customer, customers);
        if (at == customers) {
            addCustomer(customer, placed);
        }
        count(at, status);
        this.nameStart[at] = nameStart;
        this.nameLength[at] = nameLength;
        if (placed < first[at]) {
            first[at] = placed;
        }
        if (placed > last[at]) {
            last[at] = placed;
        }
        if (grouped == next.length) {
            growOrders();
        }
        next[grouped] = newest[at];
        newest[at] = grouped;
        lastLine[grouped] = lines;
        lastTag[grouped] = tags;
        this.channel[grouped++] = channel;
        orderUnits = orderAmount = 0;
    }

    private void count(int at, int status) throws Fallback {
        orderCount[at]++;
        units += orderUnits;
        unitsOf[at] += orderUnits;
        if (status == OPEN) {
            open += orderAmount;
            openOf[at] += orderAmount;
        } else {
            gross += orderAmount;
            grossOf[at] += orderAmount;
            if (status == REFUNDED) {
                refunded += orderAmount;
                refundedOf[at] += orderAmount;
            }
        }
        if (gross + open > Rules.MAX_INTEGER) {
            throw Fallback.TO_JUDGE;
        }
    }

    private void addCustomer(long customer, long placed) {
        if (customers == id.length) {
            growCustomers();
        }
        id[customers] = customer;
        newest[customers] = -1;
        first[customers] = last[customers] = placed;
        orderCount[customers] = 0;
        unitsOf[customers] = grossOf[customers] = refundedOf[customers] = openOf[customers] = 0;
        customers++;
    }

    /** Sorts everything that is sorted once per batch; call it after the last order. */
    void finish() {
        Arrays.sort(cancelled, 0, cancellations);
        symbols.rank(text);
        if (counts.length < symbols.size() || isLarge(counts.length)) {
            counts = new int[symbols.size() + 64];
        }
        if (sorted.length < customers) {
            sorted = new int[id.length];
            debt = new long[id.length];
        }
        for (int at = 0; at < customers; at++) {
            sorted[at] = at;
            debt[at] = refundedOf[at] - grossOf[at];
        }
        byNet.sort(sorted, customers, debt);
    }

    /** Gathers the lines of a customer by sku, and its tags and channels by rank. */
    void gather(int customer) {
        gatheredLines = gatheredTags = gatheredChannels = 0;
        for (int order = newest[customer]; order >= 0; order = next[order]) {
            int from = order == 0 ? 0 : lastLine[order - 1];
            gathered = roomy(gathered, gatheredLines, lastLine[order] - from);
            for (int line = from; line < lastLine[order]; line++) {
                gathered[gatheredLines++] = line;
            }
            from = order == 0 ? 0 : lastTag[order - 1];
            tagRanks = roomy(tagRanks, gatheredTags, lastTag[order] - from);
            for (int at = from; at < lastTag[order]; at++) {
                tagRanks[gatheredTags++] = symbols.rank(tag[at]);
            }
            if (channel[order] >= 0) {
                channelRanks = roomy(channelRanks, gatheredChannels, 1);
                channelRanks[gatheredChannels++] = symbols.rank(channel[order]);
            }
        }
        bySku.sort(gathered, gatheredLines, skuKey);
        gatheredTags = distinct(tagRanks, gatheredTags);
        for (int at = 0; at < gatheredTags; at++) {
            counts[tagRanks[at]] = 0;
        }
        gatheredChannels = distinct(channelRanks, gatheredChannels);
    }

    /** Keeps each rank once, ascending, and leaves in {@code counts} how often it was met; returns how many remain. */
    private int distinct(int[] ranks, int count) {
        int kept = 0;
        for (int at = 0; at < count; at++) {
            int rank = ranks[at];
            if (counts[rank]++ == 0) {
                ranks[kept++] = rank;
            }
        }
        if (kept > 1) {
            Arrays.sort(ranks, 0, kept);
        }
        return kept;
    }

    /** The number of orders of the gathered channel {@code index}. Ask once: this resets the count. */
    int takeOrders(int index) {
        int rank = channelRanks[index];
        int held = counts[rank];
        counts[rank] = 0;
        return held;
    }

    int skuStart(int line) {
        return skuStart[line];
    }

    int skuLength(int line) {
        return skuLength[line];
    }

    int quantity(int line) {
        return quantity[line];
    }

    long amount(int line) {
        return amount[line];
    }

    boolean isSameSku(int one, int other) {
        return skuKey[one] == skuKey[other]
                && skuLength[one] == skuLength[other]
                && (skuLength[one] <= 8 || compareSkus(one, other) == 0);
    }

    private int compareSkus(int one, int other) {
        int a = skuStart[one];
        int b = skuStart[other];
        return Arrays.compareUnsigned(text, a, a + skuLength[one], text, b, b + skuLength[other]);
    }

    private static int[] roomy(int[] column, int used, int more) {
        return column.length - used >= more ? column : Arrays.copyOf(column, used + more + column.length);
    }
}
