package statements;

import static org.springframework.http.HttpMethod.GET;
import static org.springframework.http.HttpMethod.POST;
import static org.springframework.test.web.servlet.request.MockMvcRequestBuilders.request;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.content;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.header;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.jsonPath;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.status;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.http.HttpMethod;
import org.springframework.test.web.servlet.MockMvc;
import org.springframework.test.web.servlet.ResultActions;
import org.springframework.test.web.servlet.request.MockHttpServletRequestBuilder;
import org.springframework.test.web.servlet.setup.MockMvcBuilders;
import org.springframework.web.context.WebApplicationContext;

/** The HTTP contract, as a team that uses Spring tests it: with MockMvc in the application's context, without a server. */
@SpringBootTest(properties = "STATEMENTS_CORE=ordinary")
class ContractTest {
    private static final String JSON = "application/json";
    private static final String PROBLEM = "application/problem+json";

    private MockMvc mvc;

    /** MockMvc drives Spring's dispatcher, and the service is a servlet of its own: a filter hands requests over. */
    @BeforeEach
    void hand(@Autowired WebApplicationContext context, @Autowired ServletRegistrationBean<Endpoints> registration) {
        Endpoints endpoints = registration.getServlet();
        mvc = MockMvcBuilders.webAppContextSetup(context)
                .addFilters((request, response, chain) -> endpoints.service(request, response))
                .build();
    }

    @Test
    void greets() throws Exception {
        mvc.perform(to(GET, "/hello"))
                .andExpect(status().isOk())
                .andExpect(content().string("Hello, world!\n"));
    }

    @Test
    void answersABatchWithStatements() throws Exception {
        post(golden("batch.json"), JSON)
                .andExpect(status().isOk())
                .andExpect(content().bytes(golden("statement.json")));
    }

    @Test
    void refusesWhatIsNotJson() throws Exception {
        post("{\"batch\":".getBytes(), JSON)
                .andExpect(status().isBadRequest())
                .andExpect(content().contentType(PROBLEM));
    }

    @Test
    void pointsToABrokenRule() throws Exception {
        String pointer = new String(golden("invalid.pointer")).strip();
        post(golden("invalid.json"), JSON)
                .andExpect(status().is(422))
                .andExpect(jsonPath("$.pointer").value(pointer));
    }

    @Test
    void refusesAnotherMediaType() throws Exception {
        post("{}".getBytes(), "text/plain")
                .andExpect(status().isUnsupportedMediaType())
                .andExpect(content().contentType(PROBLEM));
    }

    @Test
    void knowsNoOtherPath() throws Exception {
        mvc.perform(to(GET, "/unknown"))
                .andExpect(status().isNotFound())
                .andExpect(content().contentType(PROBLEM));
    }

    @Test
    void namesTheAllowedMethod() throws Exception {
        mvc.perform(to(GET, "/statements"))
                .andExpect(status().isMethodNotAllowed())
                .andExpect(header().string("Allow", "POST"));
    }

    @Test
    void namesAnUnknownParameter() throws Exception {
        mvc.perform(to(GET, "/hello").queryParam("name", "Ann"))
                .andExpect(status().isBadRequest())
                .andExpect(jsonPath("$.parameter").value("name"));
    }

    private ResultActions post(byte[] document, String type) throws Exception {
        return mvc.perform(to(POST, "/statements").content(document).contentType(type));
    }

    /** A request to the servlet itself: MockMvc takes the path for the rest behind a dispatcher at the root. */
    private static MockHttpServletRequestBuilder to(HttpMethod method, String path) {
        return request(method, path).servletPath(path);
    }

    private static byte[] golden(String name) throws IOException {
        return Files.readAllBytes(Path.of("golden", name));
    }
}
