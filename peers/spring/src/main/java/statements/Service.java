package statements;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.core.env.Environment;
import statements.core.Core;

/** The service: one servlet over the core that the environment names. */
@SpringBootApplication(proxyBeanMethods = false)
public class Service {
    private static final int DEFAULT_MAX_BYTES = 64 << 20;

    public static void main(String[] arguments) {
        SpringApplication.run(Service.class, arguments);
    }

    /**
     * The endpoints over the core {@code STATEMENTS_CORE}, for documents of up to {@code STATEMENTS_MAX_BYTES}. The
     * provenance reports the peer {@code STATEMENTS_VARIANT}.
     */
    @Bean
    ServletRegistrationBean<Endpoints> endpoints(Environment environment) {
        String core = environment.getRequiredProperty("STATEMENTS_CORE");
        int maxBytes = environment.getProperty("STATEMENTS_MAX_BYTES", Integer.class, DEFAULT_MAX_BYTES);
        Map<String, Object> facts =
                Provenance.facts(environment.getProperty("STATEMENTS_VARIANT", "spring"), Core.named(core), core);
        return new ServletRegistrationBean<>(new Endpoints(core, maxBytes, facts), "/");
    }
}
