package statements.core;

/**
 * The tokens of a document: strings, members' names, brackets, commas and white space.
 *
 * <p>Parsers take the position at which they begin and return the position behind what they parsed. Behind the document
 * stand zeros, at which every loop ends.
 */
abstract class HandTokens {
    private static final long QUOTES = '"' * Words.ONES;
    private static final long BACKSLASHES = '\\' * Words.ONES;
    private static final long SPACES = ' ' * Words.ONES;

    final Ledger ledger = new Ledger();
    byte[] text;

    // the last string
    int start;
    int length;

    long key; // the last member's name, as a number

    /** Parses a string of {@code low} to {@code high} characters after its opening quote, and unescapes it. */
    final int parseString(int from, int low, int high) throws Fallback {
        byte[] text = this.text;
        long beyondAscii = 0;
        int at = from;
        while (true) {
            long word = Words.at(text, at);
            long stop = stops(word);
            if (stop != 0) {
                int count = Long.numberOfTrailingZeros(stop) >>> 3;
                beyondAscii |= word & ~(-1L << 8 * count);
                at += count;
                break;
            }
            beyondAscii |= word;
            at += 8;
        }
        if (text[at] == '"') {
            start = from;
            length = at - from;
        } else if (text[at] == '\\') {
            at = unescape(from);
            beyondAscii = Words.HIGH;
        } else {
            throw Fallback.TO_JUDGE;
        }
        int characters = (beyondAscii & Words.HIGH) == 0 ? length : countCharacters();
        if (characters < low || characters > high) {
            throw Fallback.TO_JUDGE;
        }
        return at + 1;
    }

    /** High bits at quotes, backslashes and control characters. Above the lowest one, some may be wrong. */
    private static long stops(long word) {
        long quotes = word ^ QUOTES;
        long backslashes = word ^ BACKSLASHES;
        return (quotes - Words.ONES & ~quotes | backslashes - Words.ONES & ~backslashes | word - SPACES & ~word)
                & Words.HIGH;
    }

    /** The number of characters of the last string. */
    private int countCharacters() throws Fallback {
        byte[] text = this.text;
        int end = start + length;
        int count = 0;
        for (int at = start; at < end; count++) {
            if (text[at] >= 0) {
                at++;
                continue;
            }
            int size = Utf8.size(text, at, end);
            if (size == 0) {
                throw Fallback.TO_JUDGE;
            }
            at += size;
        }
        return count;
    }

    /** Writes a string unescaped to the end of the text; returns the position of its closing quote. */
    private int unescape(int from) throws Fallback {
        int close = from;
        for (; text[close] != '"'; close++) {
            if (text[close] == '\\') {
                close++;
            }
            if (text[close] >= 0 && text[close] < ' ') {
                throw Fallback.TO_JUDGE;
            }
        }
        byte[] text = ledger.reserve(close - from);
        this.text = text;
        int to = ledger.end;
        start = to;
        int at = from;
        while (at < close) {
            if (text[at] != '\\') {
                text[to++] = text[at++];
            } else if (text[at + 1] != 'u') {
                text[to++] = unescape(text[at + 1]);
                at += 2;
            } else {
                int point = Screen.parseUnit(text, at, close);
                at += Screen.UNIT_LENGTH;
                if (point < 0) {
                    throw Fallback.TO_JUDGE;
                }
                if (point >= 0xD800 && point < 0xE000) {
                    int low = Screen.parseUnit(text, at, close);
                    if (point >= 0xDC00 || low < 0xDC00 || low >= 0xE000) {
                        throw Fallback.TO_JUDGE;
                    }
                    point = Character.toCodePoint((char) point, (char) low);
                    at += Screen.UNIT_LENGTH;
                }
                to = Utf8.write(point, text, to);
            }
        }
        length = to - start;
        ledger.end = to;
        return close;
    }

    private static byte unescape(byte letter) throws Fallback {
        return switch (letter) {
            case '"', '\\', '/' -> letter;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            default -> throw Fallback.TO_JUDGE;
        };
    }

    /** Parses the name of a member into {@code key}, and goes on to its value. */
    final int parseName(int at) throws Fallback {
        int from = expectQuote(at);
        int end = from;
        while (text[end] >= 'a' && text[end] <= 'z') {
            end++;
        }
        int size = end - from;
        if (text[end] != '"' || size == 0 || size > 8) {
            throw Fallback.TO_JUDGE;
        }
        key = Words.first(text, from, size);
        end = skipSpace(end + 1);
        if (text[end] != ':') {
            throw Fallback.TO_JUDGE;
        }
        return skipSpace(end + 1);
    }

    final int skipSpace(int from) {
        int at = from;
        while (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t') {
            at++;
        }
        return at;
    }

    final int expectBracket(int at, char bracket) throws Fallback {
        if (text[at] != bracket) {
            throw Fallback.TO_JUDGE;
        }
        return skipSpace(at + 1);
    }

    final int expectQuote(int at) throws Fallback {
        if (text[at] != '"') {
            throw Fallback.TO_JUDGE;
        }
        return at + 1;
    }

    /** The position of the next value after a comma, or minus the position behind the closing bracket. */
    final int parseSeparator(int from, char bracket) throws Fallback {
        int at = skipSpace(from);
        if (text[at] == ',') {
            return skipSpace(at + 1);
        }
        if (text[at] != bracket) {
            throw Fallback.TO_JUDGE;
        }
        return -(at + 1);
    }

    /** Adds a member's bit to those seen; a repeated member falls back. */
    static int with(int seen, int bit) throws Fallback {
        if ((seen & bit) != 0) {
            throw Fallback.TO_JUDGE;
        }
        return seen | bit;
    }
}
