package statements.core;

import java.util.Collection;
import java.util.List;

/** The answer to a batch, with its members in the order of the spec. */
record Statement(
        String batch,
        String currency,
        int orders,
        int duplicates,
        List<Long> cancelled,
        List<OfCustomer> customers,
        Totals totals) {

    record OfCustomer(
            long id,
            String name,
            int orders,
            String first,
            String last,
            long units,
            long gross,
            long refunded,
            long open,
            long net,
            Collection<Sku> skus,
            Collection<String> tags,
            List<Channel> channels) {}

    record Sku(String sku, long units, long amount) {
        Sku plus(Sku other) {
            return new Sku(sku, units + other.units, amount + other.amount);
        }
    }

    record Channel(String channel, int orders) {}

    record Totals(int customers, long units, long gross, long refunded, long open, long net) {}
}
