package statements;

import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.boot.SpringBootVersion;
import statements.core.Core;

/** The facts that the provenance check compares: peer, core, JVM, framework and server. */
final class Provenance {
    private Provenance() {}

    static Map<String, Object> facts(String peer, Core core, String name) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("variant", peer);
        facts.put("core", name);
        facts.put("type", core.getClass().getName());
        facts.put("language", "java");
        facts.put("java", Runtime.version().feature());
        facts.put("version", Runtime.version().toString());
        facts.put("vm", System.getProperty("java.vm.name"));
        facts.put("framework", "spring-boot " + SpringBootVersion.getVersion());
        facts.put("server", server());
        facts.put(
                "collectors",
                ManagementFactory.getGarbageCollectorMXBeans().stream()
                        .map(GarbageCollectorMXBean::getName)
                        .toList());
        facts.put("processors", Runtime.getRuntime().availableProcessors());
        facts.put("options", ManagementFactory.getRuntimeMXBean().getInputArguments());
        return facts;
    }

    /** The server that is on the class path. */
    private static String server() {
        try {
            Class.forName("org.apache.catalina.startup.Tomcat");
            return "tomcat";
        } catch (ClassNotFoundException none) {
            return "jetty";
        }
    }
}
