package statements.tomcat;

import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.stereotype.Component;

/** What Tomcat has no property for: a body of usual size is read, and an answer written, at one go. */
@Component
class OnTomcat implements WebServerFactoryCustomizer<TomcatServletWebServerFactory> {
    private static final String BUFFER_BYTES = "32768";

    @Override
    public void customize(TomcatServletWebServerFactory factory) {
        factory.addConnectorCustomizers(connector -> {
            set(connector.setProperty("socket.appReadBufSize", BUFFER_BYTES));
            set(connector.setProperty("socket.appWriteBufSize", BUFFER_BYTES));
        });
    }

    private static void set(boolean known) {
        if (!known) {
            throw new IllegalStateException("Tomcat no longer knows the sizes of its buffers by these names");
        }
    }
}
