package statements.tomcat;

import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.stereotype.Component;

/** Settings without a property in Tomcat: buffers that hold a usual body or answer at once. */
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
            throw new IllegalStateException("Tomcat no longer has these properties for its buffers' sizes");
        }
    }
}
