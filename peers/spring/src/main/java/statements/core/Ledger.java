package statements.core;

import java.util.Arrays;

/**
 * The orders of a batch in flat columns, grouped by customer without an object each, for cores that read a stream.
 *
 * <p>Strings are stretches of {@code text}. A reader puts the lines and tags of an order, then closes it; it may put
 * them anew after {@link #rewind}. After {@link #finish} a writer takes the customers in {@link #sorted} order and
 * gathers each.
 */
final class Ledger {
    static final int OPEN = 0;
    static final int PAID = 1; // and shipped
    static final int REFUNDED = 2;
    static final int CANCELLED = 3;
    private static final int LARGE = 1 << 14; // longer columns are not kept for the next document

    byte[] text;
    int end; // of what is used of the text

    // the batch
    final Numbers ids = new Numbers();
    int orders;
    long[] cancelled = new long[32];
    int cancellations;
    long units;
    long gross;
    long refunded;
    long open;

    // a line of an order that is grouped
    private int lines;
    private int[] skuStart;
    private int[] skuLength;
    private long[] skuKey;
    private int[] quantity;
    private long[] amount;

    // a tag of one
    private int tags;
    private int[] tag;

    // an order that is grouped
    private int grouped;
    private int[] next;
    private int[] lastLine;
    private int[] lastTag;
    private int[] channel;

    // a customer
    private final Numbers places = new Numbers();
    int customers;
    private int[] newest;
    long[] id;
    int[] nameStart;
    int[] nameLength;
    int[] orderCount;
    long[] first;
    long[] last;
    long[] unitsOf;
    long[] grossOf;
    long[] refundedOf;
    long[] openOf;

    final Symbols symbols = new Symbols();
    private long orderUnits;
    private long orderAmount;

    // what was gathered of one customer: lines by sku, ranks of tags, ranks of channels with their counts
    int[] sorted = new int[64];
    private long[] debt = new long[64]; // net, negated: what is lowest comes first
    int[] gathered = new int[64];
    int gatheredLines;
    int[] tagRanks = new int[64];
    int gatheredTags;
    int[] channelRanks = new int[64];
    int gatheredChannels;
    private int[] counts = new int[64]; // orders by a channel's symbol, or −1 for a tag that was met
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

    Ledger() {
        makeLines();
        makeOrders();
        makeCustomers();
        tag = new int[256];
    }

    /** Begins a batch; the text is used up to {@code end}. */
    void begin(byte[] text, int end) {
        this.text = text;
        this.end = end;
        ids.clear();
        places.clear();
        symbols.clear();
        if (skuKey.length > LARGE) {
            makeLines();
        }
        if (next.length > LARGE) {
            makeOrders();
        }
        if (id.length > LARGE) {
            makeCustomers();
            sorted = new int[64];
            debt = new long[64];
        }
        if (tag.length > LARGE) {
            tag = new int[256];
        }
        orders = cancellations = lines = tags = grouped = customers = 0;
        units = gross = refunded = open = 0;
        orderUnits = orderAmount = 0;
    }

    /** Makes room for so many more bytes of text, and as many again as a word reads beyond; returns the text. */
    byte[] reserve(int more) {
        if (text.length - end < more + 16) {
            text = Arrays.copyOf(text, Math.addExact(text.length, Math.max(text.length, more + 16)));
        }
        return text;
    }

    /** Puts a line of the order that is being read. */
    void line(int start, int length, int quantity, int price) {
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

    /** Puts a tag of one of its lines. */
    void tag(int symbol) {
        if (tags == tag.length) {
            tag = Arrays.copyOf(tag, 2 * tags);
        }
        tag[tags++] = symbol;
    }

    /** How many tags were put; {@code tagsBackTo} takes those after that many back. */
    int tags() {
        return tags;
    }

    void tagsBackTo(int count) {
        tags = count;
    }

    /** Takes back what was put of the order that is being read. */
    void rewind() {
        lines = grouped == 0 ? 0 : lastLine[grouped - 1];
        tags = grouped == 0 ? 0 : lastTag[grouped - 1];
        orderUnits = orderAmount = 0;
    }

    /** Ends an order; {@code channel} is a symbol, or −1. Throws Odd where amounts become too large. */
    void close(long orderId, long placed, int status, long customer, int nameStart, int nameLength, int channel)
            throws Odd {
        int place = orders++;
        if (ids.put(orderId, place) != place) {
            rewind();
            return;
        }
        if (status == CANCELLED) {
            if (cancellations == cancelled.length) {
                cancelled = Arrays.copyOf(cancelled, 2 * cancellations);
            }
            cancelled[cancellations++] = orderId;
            rewind();
            return;
        }
        int at = places.put(customer, customers);
        if (at == customers) {
            add(customer, placed);
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

    private void count(int at, int status) throws Odd {
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
            throw Odd.ODD;
        }
    }

    private void add(long customer, long placed) {
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

    /** Sorts what is to be written sorted; to be called after the last order. */
    void finish() {
        Arrays.sort(cancelled, 0, cancellations);
        symbols.rank(text);
        if (counts.length < symbols.size() || counts.length > LARGE) {
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

    /** Gathers the lines of a customer by sku, and the tags and channels by rank. */
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
        gatheredTags = distinct(tagRanks, gatheredTags, false);
        gatheredChannels = distinct(channelRanks, gatheredChannels, true);
    }

    /** Leaves of ranks each once, ascending, and with {@code counted} says in {@code counts} how often it was there. */
    private int distinct(int[] ranks, int count, boolean counted) {
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
        if (!counted) {
            forget(ranks, kept);
        }
        return kept;
    }

    /** The orders of the channel that is gathered as {@code index}; may be asked once. */
    int ordersOfChannel(int index) {
        int rank = channelRanks[index];
        int held = counts[rank];
        counts[rank] = 0;
        return held;
    }

    private void forget(int[] ranks, int count) {
        for (int at = 0; at < count; at++) {
            counts[ranks[at]] = 0;
        }
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

    private void makeLines() {
        skuStart = new int[512];
        skuLength = new int[512];
        skuKey = new long[512];
        quantity = new int[512];
        amount = new long[512];
    }

    private void growLines() {
        int size = 2 * lines;
        skuStart = Arrays.copyOf(skuStart, size);
        skuLength = Arrays.copyOf(skuLength, size);
        skuKey = Arrays.copyOf(skuKey, size);
        quantity = Arrays.copyOf(quantity, size);
        amount = Arrays.copyOf(amount, size);
    }

    private void makeOrders() {
        next = new int[128];
        lastLine = new int[128];
        lastTag = new int[128];
        channel = new int[128];
    }

    private void growOrders() {
        int size = 2 * grouped;
        next = Arrays.copyOf(next, size);
        lastLine = Arrays.copyOf(lastLine, size);
        lastTag = Arrays.copyOf(lastTag, size);
        channel = Arrays.copyOf(channel, size);
    }

    private void makeCustomers() {
        newest = new int[64];
        id = new long[64];
        nameStart = new int[64];
        nameLength = new int[64];
        orderCount = new int[64];
        first = new long[64];
        last = new long[64];
        unitsOf = new long[64];
        grossOf = new long[64];
        refundedOf = new long[64];
        openOf = new long[64];
    }

    private void growCustomers() {
        int size = 2 * customers;
        newest = Arrays.copyOf(newest, size);
        id = Arrays.copyOf(id, size);
        nameStart = Arrays.copyOf(nameStart, size);
        nameLength = Arrays.copyOf(nameLength, size);
        orderCount = Arrays.copyOf(orderCount, size);
        first = Arrays.copyOf(first, size);
        last = Arrays.copyOf(last, size);
        unitsOf = Arrays.copyOf(unitsOf, size);
        grossOf = Arrays.copyOf(grossOf, size);
        refundedOf = Arrays.copyOf(refundedOf, size);
        openOf = Arrays.copyOf(openOf, size);
    }
}
