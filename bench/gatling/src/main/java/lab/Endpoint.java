package lab;

import static io.gatling.javaapi.core.CoreDsl.ByteArrayBody;
import static io.gatling.javaapi.core.CoreDsl.bodyBytes;
import static io.gatling.javaapi.http.HttpDsl.http;
import static io.gatling.javaapi.http.HttpDsl.status;

import io.gatling.javaapi.core.Session;
import io.gatling.javaapi.http.HttpProtocolBuilder;
import io.gatling.javaapi.http.HttpRequestActionBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/**
 * The endpoint under load: what is asked, and the answer that must come back byte for byte.
 *
 * <p>{@code lab.documents} names a folder of NNNN.json with their answers NNNN.out.json, posted in turn; without it the
 * request has no body and its answer is {@code lab.expect}. Each {@code lab.header.NAME} goes with every request.
 */
final class Endpoint {
  private static final String ANSWER = ".out.json";

  private final String method = Setting.text("method");
  private final String path = Setting.text("path");
  private final Map<String, String> headers = Setting.group("header");
  private final byte[][] bodies;
  private final byte[][] answers;

  Endpoint() {
    String folder = System.getProperty("lab.documents");
    if (folder == null) {
      bodies = new byte[0][];
      answers = new byte[][] {Setting.text("expect").getBytes(StandardCharsets.UTF_8)};
    } else {
      List<Path> paths = answerPaths(Path.of(folder));
      answers = paths.stream().map(Endpoint::read).toArray(byte[][]::new);
      bodies = paths.stream().map(Endpoint::document).map(Endpoint::read).toArray(byte[][]::new);
    }
  }

  /** The requests themselves and no more: no warm-up call to the outside, no cache, redirects or headers of a browser. */
  HttpProtocolBuilder protocol() {
    return http.baseUrl(Setting.text("url"))
        .disableWarmUp()
        .disableCaching()
        .disableFollowRedirect()
        .disableAutoReferer()
        .disableAutoOrigin();
  }

  /** A request named {@code name} in the log; {@code turn} says which document in the rotation a session has reached. */
  HttpRequestActionBuilder request(String name, ToLongFunction<Session> turn) {
    HttpRequestActionBuilder request = http(name).httpRequest(method, path).headers(headers);
    if (bodies.length > 0) {
      request = request
          .header("content-type", "application/json")
          .body(ByteArrayBody(session -> inTurn(bodies, turn, session)));
    }
    return request.check(
        status().is(200),
        bodyBytes().validate("is the answer", (body, session) -> same(body, inTurn(answers, turn, session))));
  }

  private static byte[] inTurn(byte[][] all, ToLongFunction<Session> turn, Session session) {
    return all[(int) (turn.applyAsLong(session) % all.length)];
  }

  private static byte[] same(byte[] body, byte[] answer) {
    if (!Arrays.equals(body, answer)) {
      throw new IllegalArgumentException("wrong answer");
    }
    return body;
  }

  private static List<Path> answerPaths(Path folder) {
    try (Stream<Path> paths = Files.list(folder)) {
      List<Path> found = paths.filter(path -> path.toString().endsWith(ANSWER)).sorted().toList();
      if (found.isEmpty()) {
        throw new IllegalArgumentException(folder + " has no documents");
      }
      return found;
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static Path document(Path answer) {
    return answer.resolveSibling(answer.getFileName().toString().replace(ANSWER, ".json"));
  }

  private static byte[] read(Path path) {
    try {
      return Files.readAllBytes(path);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
