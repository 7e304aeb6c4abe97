import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import okhttp3.Interceptor;
import okhttp3.OkHttpClient;
import okio.Buffer;
import statements.client.ApiClient;
import statements.client.ApiException;
import statements.client.ApiResponse;
import statements.client.api.CoreApi;
import statements.client.model.Batch;
import statements.client.model.InvalidProblem;
import statements.client.model.Problem;
import statements.client.model.Statement;

/**
 * Sends documents through the models of the generated client: {@code Golden URL FILE...}.
 *
 * <p>A file gives a line of JSON: {@code sent}, the body of the request, then {@code status}, {@code type} and
 * {@code answer} as the client's model has it, or {@code error}.
 */
public final class Golden {
    private Golden() {}

    public static void main(String[] words) {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String file : Arrays.asList(words).subList(1, words.length)) {
            out.println(told(words[0], Path.of(file)));
        }
    }

    private static JsonObject told(String url, Path file) {
        JsonObject found = new JsonObject();
        Interceptor record = chain -> {
            Buffer body = new Buffer();
            chain.request().body().writeTo(body);
            found.addProperty("sent", body.readUtf8());
            return chain.proceed(chain.request());
        };
        ApiClient client = new ApiClient(new OkHttpClient.Builder().addInterceptor(record).build());
        try {
            Batch batch = Batch.fromJson(Files.readString(file));
            answer(new CoreApi(client.setBasePath(url)), batch, found);
        } catch (ApiException | IOException | RuntimeException error) {
            found.addProperty("error", error.toString());
        }
        return found;
    }

    /** The client knows no model of an error: the status says which one to read. */
    private static void answer(CoreApi api, Batch batch, JsonObject found) throws ApiException, IOException {
        try {
            ApiResponse<Statement> response = api.postStatementWithHttpInfo(batch, null, null);
            tell(found, response.getStatusCode(), "Statement", response.getData().toJson());
        } catch (ApiException refused) {
            String body = refused.getResponseBody();
            switch (refused.getCode()) {
                case 400 -> tell(found, 400, "Problem", Problem.fromJson(body).toJson());
                case 422 -> tell(found, 422, "InvalidProblem", InvalidProblem.fromJson(body).toJson());
                default -> throw refused;
            }
        }
    }

    private static void tell(JsonObject found, int status, String type, String answer) {
        found.addProperty("status", status);
        found.addProperty("type", type);
        found.add("answer", JsonParser.parseString(answer));
    }
}
