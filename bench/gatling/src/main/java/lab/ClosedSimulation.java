package lab;

import static io.gatling.javaapi.core.CoreDsl.atOnceUsers;
import static io.gatling.javaapi.core.CoreDsl.during;
import static io.gatling.javaapi.core.CoreDsl.scenario;

import io.gatling.javaapi.core.ChainBuilder;
import io.gatling.javaapi.core.Session;
import io.gatling.javaapi.core.Simulation;

/**
 * The closed model, for capacity: {@code lab.users} users, each sending its next request when the last is answered, for
 * {@code lab.lead-in} and then {@code lab.seconds} seconds, over a connection of its own kept where the server keeps it.
 */
public final class ClosedSimulation extends Simulation {
  private static final String COUNTER = "passes";

  private final Endpoint endpoint = new Endpoint();
  private final int users = Setting.integer("users");

  {
    setUp(
            scenario("closed")
                .exec(loop("lead-in", Setting.integer("lead-in")), loop("measured", Setting.integer("seconds")))
                .injectOpen(atOnceUsers(users)))
        .protocols(endpoint.protocol());
  }

  private ChainBuilder loop(String name, int seconds) {
    return during(seconds, COUNTER).on(endpoint.request(name, this::turn));
  }

  /** Users take documents like players take cards, one after the other, so that none is sent again until all were. */
  private long turn(Session session) {
    return session.userId() + (long) users * session.getInt(COUNTER);
  }
}
