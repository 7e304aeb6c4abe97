package lab;

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

  static int integer(String name) {
    return Integer.parseInt(text(name));
  }
}
