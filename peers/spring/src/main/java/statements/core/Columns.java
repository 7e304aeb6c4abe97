package statements.core;

import java.util.Arrays;

/** The columns of a {@link Ledger}: rows of lines, tags, orders and customers as parallel arrays that grow. */
abstract class Columns {
    private static final int LARGE = 1 << 14; // longer columns are not kept for the next document

    // a line of a grouped order
    int lines;
    int[] skuStart;
    int[] skuLength;
    long[] skuKey;
    int[] quantity;
    long[] amount;

    // a tag of one, as a symbol
    int tags;
    int[] tag = new int[256];

    // a grouped order
    int grouped;
    int[] next; // an earlier order of the same customer, or −1
    int[] lastLine;
    int[] lastTag;
    int[] channel; // a symbol, or −1

    // a customer
    int customers;
    int[] newest; // its last order
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

    Columns() {
        makeLines();
        makeOrders();
        makeCustomers();
    }

    static boolean isLarge(int length) {
        return length > LARGE;
    }

    /** Removes all rows; does not keep large columns. */
    final void clearColumns() {
        if (isLarge(skuKey.length)) {
            makeLines();
        }
        if (isLarge(next.length)) {
            makeOrders();
        }
        if (isLarge(id.length)) {
            makeCustomers();
        }
        if (isLarge(tag.length)) {
            tag = new int[256];
        }
        lines = tags = grouped = customers = 0;
    }

    private void makeLines() {
        skuStart = new int[512];
        skuLength = new int[512];
        skuKey = new long[512];
        quantity = new int[512];
        amount = new long[512];
    }

    final void growLines() {
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

    final void growOrders() {
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

    final void growCustomers() {
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
