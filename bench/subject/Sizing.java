import java.lang.management.ManagementFactory;
import java.util.concurrent.ForkJoinPool;

/** What the JVM takes for the number of CPUs, and the threads and the garbage collector that it chooses by it. */
class Sizing {
    public static void main(String[] arguments) {
        int processors = Runtime.getRuntime().availableProcessors();
        int threads = ForkJoinPool.commonPool().getParallelism();
        String collector = ManagementFactory.getGarbageCollectorMXBeans().get(0).getName();
        System.out.printf(
            "{\"Runtime.availableProcessors\": %d, \"ForkJoinPool.commonPool\": %d, \"collector\": \"%s\"}%n",
            processors, threads, collector);
    }
}
