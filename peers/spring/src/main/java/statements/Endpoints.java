package statements;

import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import statements.core.Bytes;
import statements.core.Core;
import statements.core.Refusal;
import statements.core.Strict;
import tools.jackson.databind.json.JsonMapper;

/** The service over HTTP: a plain servlet, because each layer above one costs microseconds a request. */
final class Endpoints extends HttpServlet {
    private static final long serialVersionUID = 1L;
    private static final String JSON = "application/json";
    private static final String TEXT = "text/plain;charset=utf-8";
    private static final String BAD_REQUEST = "Bad Request";
    private static final String PROBLEM = "application/problem+json";
    private static final byte[] HELLO = "Hello, world!\n".getBytes(StandardCharsets.US_ASCII);
    private static final int MAX_WAIT_MS = 10_000;
    private static final int KEPT = 1 << 20; // a larger buffer is not kept for the next document
    private static final int FIRST = 1 << 16; // the first buffer

    private final transient ThreadLocal<Worker> workers;
    private final int maxBytes;
    private final transient Map<String, Object> facts;
    private final transient LongAdder fallbacks = new LongAdder();

    /** A thread's own core and read buffer. */
    private static final class Worker {
        final Strict core;
        byte[] buffer = new byte[FIRST];

        Worker(String core) {
            this.core = new Strict(Core.named(core));
        }
    }

    Endpoints(String core, int maxBytes, Map<String, Object> facts) {
        this.workers = ThreadLocal.withInitial(() -> new Worker(core));
        this.maxBytes = maxBytes;
        this.facts = facts;
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        try {
            answer(request, response);
        } catch (Problem problem) {
            byte[] body = problem.body();
            send(response, problem.status, PROBLEM, body, body.length);
        }
    }

    private void answer(HttpServletRequest request, HttpServletResponse response) throws IOException, Problem {
        String path = request.getServletPath();
        switch (path) {
            case "/statements" -> {
                expect(request, response, "POST", null);
                postStatements(request, response);
            }
            case "/hello" -> {
                expect(request, response, "GET", null);
                send(response, 200, TEXT, HELLO, HELLO.length);
            }
            case "/wait" -> {
                getWait(expect(request, response, "GET", "ms"), response);
            }
            case "/__version__" -> {
                expect(request, response, "GET", null);
                getVersion(response);
            }
            case "/openapi.json" -> {
                expect(request, response, "GET", null);
                byte[] body = Promises.ofCore();
                send(response, 200, JSON, body, body.length);
            }
            default -> throw new Problem(404, "Not Found", path);
        }
    }

    /** Expects a method, and no query but the parameter; returns its value, which is empty without it. */
    private static String expect(
            HttpServletRequest request, HttpServletResponse response, String method, String parameter) throws Problem {
        if (!request.getMethod().equals(method)) {
            response.setHeader("Allow", method);
            throw new Problem(405, "Method Not Allowed", request.getServletPath() + " takes " + method);
        }
        String query = request.getQueryString();
        return query == null ? "" : queried(query, parameter);
    }

    private static String queried(String query, String parameter) throws Problem {
        String value = null;
        for (String pair : query.split("&")) {
            String[] parts = pair.split("=", 2);
            String name = decoded(parts[0]);
            if (pair.isEmpty()) {
                continue;
            }
            if (!name.equals(parameter) || value != null) {
                throw new Problem(
                        400, BAD_REQUEST, "the query has an unknown or repeated parameter", "parameter", name);
            }
            value = parts.length == 2 ? decoded(parts[1]) : "";
        }
        return value == null ? "" : value;
    }

    private static String decoded(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException notEncoded) {
            return text;
        }
    }

    private void postStatements(HttpServletRequest request, HttpServletResponse response) throws IOException, Problem {
        expectJson(request.getContentType());
        Worker worker = workers.get();
        int length = read(request, worker);
        long before = worker.core.fallbacks();
        try {
            Bytes answer = worker.core.transform(worker.buffer, length);
            send(response, 200, JSON, answer.array, answer.length);
        } catch (Refusal refusal) {
            throw problem(refusal);
        } finally {
            fallbacks.add(worker.core.fallbacks() - before);
            if (worker.buffer.length > KEPT) {
                worker.buffer = new byte[FIRST];
            }
        }
    }

    private static Problem problem(Refusal refusal) {
        if (refusal instanceof Refusal.Invalid) {
            String detail = "a rule is broken at the pointer";
            return new Problem(422, "Unprocessable Content", detail, "pointer", refusal.getMessage());
        }
        return new Problem(400, BAD_REQUEST, refusal.getMessage());
    }

    private static void expectJson(String type) throws Problem {
        if (JSON.equals(type)) {
            return;
        }
        String media = type == null ? "" : type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        if (!media.equals(JSON)) {
            throw new Problem(415, "Unsupported Media Type", "the body must be " + JSON);
        }
    }

    /** Reads the body into the worker's buffer; returns its length. The limit applies to the bytes read. */
    private int read(HttpServletRequest request, Worker worker) throws Problem {
        long announced = request.getContentLengthLong();
        if (announced > maxBytes) {
            throw tooLarge();
        }
        int length = 0;
        try {
            ServletInputStream body = request.getInputStream();
            while (length != announced) {
                int wanted = announced < 0 ? length + 1 : (int) announced;
                if (worker.buffer.length < wanted + Core.ROOM) {
                    int doubled = (int) Math.min(2L * wanted, maxBytes + 1L);
                    worker.buffer = Arrays.copyOf(worker.buffer, Math.max(doubled, wanted) + Core.ROOM);
                }
                int count = body.read(worker.buffer, length, worker.buffer.length - Core.ROOM - length);
                if (count < 0) {
                    break;
                }
                length += count;
                if (length > maxBytes) {
                    throw tooLarge();
                }
            }
        } catch (IOException broken) {
            throw new Problem(400, BAD_REQUEST, "the body cannot be read");
        }
        if (length < announced) {
            String detail = "the body ended after " + length + " of " + announced + " bytes";
            throw new Problem(400, BAD_REQUEST, detail);
        }
        return length;
    }

    private Problem tooLarge() {
        return new Problem(413, "Content Too Large", "the body may have " + maxBytes + " bytes");
    }

    private static void getWait(String asked, HttpServletResponse response) throws IOException, Problem {
        int ms = parseWaitMs(asked);
        try {
            Thread.sleep(ms);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        byte[] body = ("Waited " + ms + " ms.\n").getBytes(StandardCharsets.US_ASCII);
        send(response, 200, TEXT, body, body.length);
    }

    private static int parseWaitMs(String ms) throws Problem {
        if (ms.length() <= 5 && !ms.isEmpty() && ms.chars().allMatch(c -> c >= '0' && c <= '9')) {
            int value = Integer.parseInt(ms);
            if (value <= MAX_WAIT_MS) {
                return value;
            }
        }
        throw new Problem(400, BAD_REQUEST, "ms must be an integer from 0 to " + MAX_WAIT_MS, "parameter", "ms");
    }

    private void getVersion(HttpServletResponse response) throws IOException {
        Map<String, Object> told = new LinkedHashMap<>(facts);
        told.put("fallbacks", fallbacks.sum());
        byte[] body = JsonMapper.shared().writeValueAsBytes(told);
        send(response, 200, JSON, body, body.length);
    }

    private static void send(HttpServletResponse response, int status, String type, byte[] body, int length)
            throws IOException {
        response.setStatus(status);
        response.setContentType(type);
        response.setContentLength(length);
        response.getOutputStream().write(body, 0, length);
    }
}
