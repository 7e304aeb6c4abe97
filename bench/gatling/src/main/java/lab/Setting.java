package lab;

import java.util.Map;
import java.util.stream.Collectors;

/** The parameters of a run: system properties whose names begin with {@code lab.}. */
final class Setting {
  private Setting() {}

  static String text(String name) {
    String value = System.getProperty("lab." + name);
    if (value == null) {
      throw new IllegalArgumentException("the system property lab." + name + " is missing");
    }
    return value;
  }

  /** All parameters of a group, such as {@code lab.header.Connection}, by the rest of their names. */
  static Map<String, String> group(String name) {
    String prefix = "lab." + name + ".";
    return System.getProperties().stringPropertyNames().stream()
        .filter(each -> each.startsWith(prefix))
        .collect(Collectors.toMap(each -> each.substring(prefix.length()), System::getProperty));
  }

  static int integer(String name) {
    return Integer.parseInt(text(name));
  }
}
