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
                allow(request, response, "POST");
                postStatements(request, response);
            }
            case "/hello" -> {
                allow(request, response, "GET");
                send(response, 200, TEXT, HELLO, HELLO.length);
            }
            case "/wait" -> {
                allow(request, response, "GET");
                getWait(request, response);
            }
            case "/__version__" -> {
                allow(request, response, "GET");
                getVersion(response);
            }
            default -> throw new Problem(404, "Not Found", path);
        }
    }

    private static void allow(HttpServletRequest request, HttpServletResponse response, String method) throws Problem {
        if (!request.getMethod().equals(method)) {
            response.setHeader("Allow", method);
            throw new Problem(405, "Method Not Allowed", request.getServletPath() + " takes " + method);
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
            return new Problem(422, "Unprocessable Content", detail, refusal.getMessage());
        }
        return new Problem(400, "Bad Request", refusal.getMessage());
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
            throw new Problem(400, "Bad Request", "the body cannot be read");
        }
        if (length < announced) {
            String detail = "the body ended after " + length + " of " + announced + " bytes";
            throw new Problem(400, "Bad Request", detail);
        }
        return length;
    }

    private Problem tooLarge() {
        return new Problem(413, "Content Too Large", "the body may have " + maxBytes + " bytes");
    }

    private static void getWait(HttpServletRequest request, HttpServletResponse response) throws IOException, Problem {
        int ms = parseWaitMs(request.getQueryString());
        try {
            Thread.sleep(ms);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        byte[] body = ("Waited " + ms + " ms.\n").getBytes(StandardCharsets.US_ASCII);
        send(response, 200, TEXT, body, body.length);
    }

    /** The last {@code ms} of a query that is not empty, an integer from 0 to 10,000. */
    private static int parseWaitMs(String query) throws Problem {
        String found = "";
        for (String pair : (query == null ? "" : query).split("&")) {
            if (pair.startsWith("ms=") && pair.length() > 3) {
                found = pair.substring(3);
            }
        }
        try {
            String ms = URLDecoder.decode(found, StandardCharsets.UTF_8);
            if (ms.length() <= 5 && !ms.isEmpty() && ms.chars().allMatch(c -> c >= '0' && c <= '9')) {
                int value = Integer.parseInt(ms);
                if (value <= MAX_WAIT_MS) {
                    return value;
                }
            }
        } catch (IllegalArgumentException notEncoded) {
            // refused below, like any other
        }
        throw new Problem(400, "Bad Request", "ms must be an integer from 0 to " + MAX_WAIT_MS);
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
