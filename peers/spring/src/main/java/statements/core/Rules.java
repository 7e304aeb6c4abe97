package statements.core;

/** The rules of the spec's table. */
final class Rules {
    static final long MAX_INTEGER = (1L << 53) - 1;
    static final int MAX_QUANTITY = 1_000_000;
    static final int MAX_PRICE = 1_000_000_000;
    static final int MAX_ORDERS = 100_000;
    static final int MAX_LINES = 1_000;
    static final int MAX_TAGS = 20;
    static final int MAX_BATCH = 64;
    static final int MAX_NAME = 200;
    static final int MAX_SKU = 40;
    static final int MAX_TAG = 30;
    static final int MAX_CHANNEL = 30;
    static final int MAX_NOTE = 2_000;

    private static final byte[] DAYS = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    private static final boolean[] IN_SKU = new boolean[256];

    static {
        for (char c : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-".toCharArray()) {
            IN_SKU[c] = true;
        }
    }

    private Rules() {}

    static boolean isId(long value) {
        return value >= 1 && value <= MAX_INTEGER;
    }

    static boolean isInSku(int character) {
        return character < 256 && IN_SKU[character];
    }

    static boolean isSku(String value) {
        return value != null && !value.isEmpty() && value.length() <= MAX_SKU && value.chars().allMatch(Rules::isInSku);
    }

    static boolean isCurrency(String value) {
        return value != null && value.length() == 3 && value.chars().allMatch(c -> c >= 'A' && c <= 'Z');
    }

    static boolean isStatus(String value) {
        return value != null
                && switch (value) {
                    case "open", "paid", "shipped", "refunded", "cancelled" -> true;
                    default -> false;
                };
    }

    /** Tells whether a text has {@code low} to {@code high} code points. */
    static boolean isText(String value, int low, int high) {
        if (value == null || value.length() < low) {
            return false;
        }
        return value.length() <= high || value.length() <= 2 * high && value.codePointCount(0, value.length()) <= high;
    }

    /** Tells whether a text is a real date and time {@code YYYY-MM-DDThh:mm:ssZ}. */
    static boolean isMoment(String value) {
        if (value == null || value.length() != 20) {
            return false;
        }
        for (int at = 0; at < 20; at++) {
            char form = "0000-00-00T00:00:00Z".charAt(at);
            char is = value.charAt(at);
            if (form == '0' ? is < '0' || is > '9' : is != form) {
                return false;
            }
        }
        int year = parsePair(value, 0) * 100 + parsePair(value, 2);
        return isDate(year, parsePair(value, 5), parsePair(value, 8))
                && isTime(parsePair(value, 11), parsePair(value, 14), parsePair(value, 17));
    }

    private static int parsePair(String value, int at) {
        return (value.charAt(at) - '0') * 10 + value.charAt(at + 1) - '0';
    }

    static boolean isDate(int year, int month, int day) {
        if (year == 0 || month < 1 || month > 12 || day < 1) {
            return false;
        }
        return day <= DAYS[month] || month == 2 && day == 29 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    }

    static boolean isTime(int hour, int minute, int second) {
        return hour < 24 && minute < 60 && second < 60;
    }

    /** Tells whether a character is white space in a name. */
    static boolean isSpace(int character) {
        return character == ' ' || character >= '\t' && character <= '\r';
    }

    /** A name with each run of white space as one space, and none at its ends. */
    static String normalised(String name) {
        int from = 0;
        boolean usual = !name.isEmpty() && !isSpace(name.charAt(0)) && !isSpace(name.charAt(name.length() - 1));
        while (usual && from < name.length()) {
            char c = name.charAt(from++);
            usual = !isSpace(c) || c == ' ' && !isSpace(name.charAt(from));
        }
        if (usual) {
            return name;
        }
        StringBuilder text = new StringBuilder(name.length());
        boolean space = false;
        for (int at = 0; at < name.length(); at++) {
            char c = name.charAt(at);
            if (isSpace(c)) {
                space = true;
                continue;
            }
            if (space && !text.isEmpty()) {
                text.append(' ');
            }
            space = false;
            text.append(c);
        }
        return text.toString();
    }
}
