package statements.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import statements.core.Statement.Channel;
import statements.core.Statement.OfCustomer;
import statements.core.Statement.Sku;
import statements.core.Statement.Totals;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.cfg.CoercionAction;
import tools.jackson.databind.cfg.CoercionInputShape;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.type.LogicalType;

/** The transform in ordinary code: an object mapper parses and writes records, collections sum up. */
final class OrdinaryCore implements Core {
    private static final JsonMapper MAPPER = JsonMapper.builder(Json.FACTORY)
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .withCoercionConfig(LogicalType.Textual, config -> config.setCoercion(
                            CoercionInputShape.Integer, CoercionAction.Fail)
                    .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
                    .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
            .build();
    private static final ObjectReader READER = MAPPER.readerFor(Batch.class);
    private static final ObjectWriter WRITER = MAPPER.writerFor(Statement.class);

    private final Bytes answer = new Bytes();

    /** The sums of one customer's orders. */
    private static final class Account {
        final long id;
        final Map<String, Sku> skus = new TreeMap<>(); // ASCII: every comparison sorts it by code point
        final Set<String> tags = new TreeSet<>(OrdinaryCore::byCodePoint);
        final Map<String, Integer> channels = new TreeMap<>(OrdinaryCore::byCodePoint);
        String name;
        String first;
        String last;
        int orders;
        long units;
        long gross;
        long refunded;
        long open;

        Account(long id) {
            this.id = id;
        }

        /** Adds a valid order; returns its amount. */
        long add(Batch.Order order) {
            long amount = 0;
            for (Batch.Line line : order.lines()) {
                skus.merge(line.sku(), new Sku(line.sku(), line.quantity(), line.amount()), Sku::plus);
                units += line.quantity();
                amount += line.amount();
                if (line.tags() != null) {
                    tags.addAll(line.tags());
                }
            }
            switch (order.status()) {
                case "open" -> open += amount;
                case "refunded" -> {
                    gross += amount;
                    refunded += amount;
                }
                default -> gross += amount;
            }
            name = order.customer().name();
            orders++;
            first = first == null || order.placed().compareTo(first) < 0 ? order.placed() : first;
            last = last == null || order.placed().compareTo(last) > 0 ? order.placed() : last;
            if (order.channel() != null) {
                channels.merge(order.channel(), 1, Integer::sum);
            }
            return amount;
        }

        OfCustomer statement() {
            List<Channel> counted = new ArrayList<>(channels.size());
            channels.forEach((channel, count) -> counted.add(new Channel(channel, count)));
            String written = Rules.normalised(name);
            long net = gross - refunded;
            return new OfCustomer(
                    id, written, orders, first, last, units, gross, refunded, open, net, skus.values(), tags, counted);
        }
    }

    @Override
    public Bytes transform(byte[] document, int length) throws Refusal, Fallback {
        Screen.check(document, length);
        try {
            Statement statement = summarise(READER.readValue(document, 0, length));
            answer.clear();
            WRITER.writeValue(answer, statement);
            return answer;
        } catch (JacksonException error) {
            throw Fallback.TO_JUDGE;
        }
    }

    private static Statement summarise(Batch batch) throws Fallback {
        if (batch == null || !batch.isValid()) {
            throw Fallback.TO_JUDGE;
        }
        Set<Long> seen = new HashSet<>();
        List<Long> cancelled = new ArrayList<>();
        Map<Long, Account> accounts = new HashMap<>();
        long amount = 0;
        for (Batch.Order order : batch.orders()) {
            if (order == null || !order.isValid()) {
                throw Fallback.TO_JUDGE;
            }
            for (Batch.Line line : order.lines()) {
                if (line == null || !line.isValid()) {
                    throw Fallback.TO_JUDGE;
                }
            }
            if (!seen.add(order.id())) {
                continue;
            }
            if (order.status().equals("cancelled")) {
                cancelled.add(order.id());
                continue;
            }
            amount += accounts.computeIfAbsent(order.customer().id(), Account::new).add(order);
            if (amount > Rules.MAX_INTEGER) {
                throw Fallback.TO_JUDGE;
            }
        }
        Collections.sort(cancelled);
        List<OfCustomer> customers = new ArrayList<>(accounts.size());
        accounts.values().forEach(account -> customers.add(account.statement()));
        customers.sort(Comparator.comparingLong(OfCustomer::net).reversed().thenComparingLong(OfCustomer::id));
        int duplicates = batch.orders().size() - seen.size();
        return new Statement(
                batch.batch(), batch.currency(), seen.size(), duplicates, cancelled, customers, totals(customers));
    }

    private static Totals totals(List<OfCustomer> customers) {
        long units = 0;
        long gross = 0;
        long refunded = 0;
        long open = 0;
        for (OfCustomer customer : customers) {
            units += customer.units();
            gross += customer.gross();
            refunded += customer.refunded();
            open += customer.open();
        }
        return new Totals(customers.size(), units, gross, refunded, open, gross - refunded);
    }

    /** Compares by code point; {@code compareTo} compares UTF-16 units, in which surrogates sort too low. */
    static int byCodePoint(String one, String other) {
        int shared = Math.min(one.length(), other.length());
        for (int at = 0; at < shared; at++) {
            char a = one.charAt(at);
            char b = other.charAt(at);
            if (a != b) {
                return Character.isSurrogate(a) == Character.isSurrogate(b) ? a - b : Character.isSurrogate(a) ? 1 : -1;
            }
        }
        return one.length() - other.length();
    }
}
