package statements.jetty;

import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.jetty.servlet.JettyServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.stereotype.Component;

/** Settings without a property in Jetty: buffers that hold a usual body or answer at once, and the backlog. */
@Component
class OnJetty implements WebServerFactoryCustomizer<JettyServletWebServerFactory> {
    private static final int BUFFER_BYTES = 32_768;

    private final int backlog;

    OnJetty(@Value("${statements.backlog}") int backlog) {
        this.backlog = backlog;
    }

    @Override
    public void customize(JettyServletWebServerFactory factory) {
        factory.addServerCustomizers(server -> {
            for (Connector connector : server.getConnectors()) {
                ((ServerConnector) connector).setAcceptQueueSize(backlog);
                HttpConnectionFactory http = connector.getConnectionFactory(HttpConnectionFactory.class);
                http.setInputBufferSize(BUFFER_BYTES);
                http.getHttpConfiguration().setOutputBufferSize(BUFFER_BYTES);
            }
        });
    }
}
