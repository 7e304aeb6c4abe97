package lab;

import static io.gatling.javaapi.core.CoreDsl.constantUsersPerSec;
import static io.gatling.javaapi.core.CoreDsl.nothingFor;
import static io.gatling.javaapi.core.CoreDsl.rampUsersPerSec;
import static io.gatling.javaapi.core.CoreDsl.scenario;

import io.gatling.javaapi.core.OpenInjectionStep;
import io.gatling.javaapi.core.ScenarioBuilder;
import io.gatling.javaapi.core.Session;
import io.gatling.javaapi.core.Simulation;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * The open model, for latency: requests start when the plan says, whether earlier ones are answered or not.
 *
 * <p>{@code lab.segments} is the plan: {@code START:END:SECONDS} joined by commas, rates in requests per second, the
 * first of them the lead-in. A user is one request. Connections are shared by all users: with one of its own each would
 * open a connection for its single request, and the figure would be of connecting, not of the service.
 */
public final class OpenSimulation extends Simulation {
  private final Endpoint endpoint = new Endpoint();

  {
    Segment[] plan = Arrays.stream(Setting.text("segments").split(",")).map(Segment::parse).toArray(Segment[]::new);
    Segment leadIn = plan[0];
    Stream<OpenInjectionStep> measured = Arrays.stream(plan).skip(1).map(Segment::step);
    setUp(
            requests("lead-in").injectOpen(leadIn.step()),
            requests("measured")
                .injectOpen(
                    Stream.concat(Stream.of(nothingFor(leadIn.seconds)), measured)
                        .toArray(OpenInjectionStep[]::new)))
        .protocols(endpoint.protocol().shareConnections());
  }

  private ScenarioBuilder requests(String name) {
    return scenario(name).exec(endpoint.request(name, Session::userId));
  }

  private record Segment(double start, double end, long seconds) {
    static Segment parse(String text) {
      String[] parts = text.split(":");
      return new Segment(Double.parseDouble(parts[0]), Double.parseDouble(parts[1]), Long.parseLong(parts[2]));
    }

    OpenInjectionStep step() {
      return start == end
          ? constantUsersPerSec(start).during(seconds)
          : rampUsersPerSec(start).to(end).during(seconds);
    }
  }
}
