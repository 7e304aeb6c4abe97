// The inputs that libFuzzer tries next: documents from the spec's grammar, and structured changes of documents.
// All randomness comes from libFuzzer's seed, so that a run can be repeated.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

using std::string;
using std::string_view;
using namespace std::string_view_literals;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

namespace {

struct Dice {
    uint64_t state;
    uint64_t next() {  // splitmix64
        uint64_t z = (state += 0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
    uint64_t below(uint64_t n) { return next() % n; }
    bool one_in(uint64_t n) { return below(n) == 0; }
    template <typename Choices> auto pick(const Choices &choices) { return choices[below(std::size(choices))]; }
    // Returns mostly a small number, sometimes a large one, rarely the maximum.
    uint64_t count(uint64_t low, uint64_t few, uint64_t many, uint64_t most) {
        uint64_t toss = below(512);
        return toss == 0 ? most - below(2) : toss < 16 ? low + below(many) : low + below(few);
    }
};

constexpr uint64_t MAX_INTEGER = (uint64_t{1} << 53) - 1;
constexpr string_view GAPS = " \t\n\r"sv;
constexpr string_view SKU = "Aaz09._-"sv;
constexpr string_view STATUSES[] = {"open", "paid", "shipped", "refunded", "cancelled"};
constexpr string_view WORDS[] = {"web", "shop", "new", "gift", "Ann Lee", "fragile", "日本語", "Zoë", "Ünder Way"};
constexpr string_view CHARACTERS[] = {
    "a", "Z", "9", " ", "\"", "\\", "/", "\b", "\f", "\n", "\r", "\t", "\v", "\0"sv, "\x1f", "\x7f", "\u0080",
    "\u0085", "\u00a0", "ß", "é", "\u07ff", "\u0800", "夏", "\u2028", "\ud7ff", "\ue000", "\ufeff", "\uffff", "😀",
    "\U00010000", "\U0010ffff",
};
constexpr string_view DROPPED[] = {"null", "-0.5E+3", "[[],{}]", "{\"a\":1,\"a\":\"\\ud83d\\ude00\"}", "\"\\\\ud800\"", "true"};
// Values that are invalid for every member, and bytes that make a document malformed.
constexpr string_view WRONG[] = {
    "null", "true", "false", "0", "-1", "-0", "1.0", "1e3", "1e999", "0.5", "\"\"", "\"1\"", "\"x\"", "[]", "[1]", "{}",
    "{\"id\":1}", "9007199254740992", "18446744073709551617", "1000001", "1000000001", "\"2026-02-29T00:00:00Z\"",
    "\"2026-02-28T24:00:00Z\"", "\"0000-01-01T00:00:00Z\"", "\"2026-02-28T00:00:00\"", "\"EU\"", "\"eur\"", "\"Open\"",
    "\" \\t\"", "\"A B\"", "\"\\u0041\"", "\"É\"", "NaN", "-Infinity", "01", "-", "+1", ".5", "1.", "1e", "nul", "'a'", "[1,]",
    "{\"a\":1,}", "[", "]", "}", "\"", "\"\\", "\"\n\"", "\"\\x41\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ude00\\ud83d\"",
    "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\xf0\x9f\x98\"",
};
constexpr string_view UNKNOWN[] = {"\"\"", "\"Id\"", "\"prices\"", "\"a/b\"", "\"m~n\"", "\"\\u0069d\"", "\"notes\"", "\"é\""};

// Writes one document in a random style. At most one value is broken: the one that `breach` counts down to.
class Author {
  public:
    Author(Dice &dice, uint64_t breach) : dice(dice), breach(breach) {
        uint64_t manner = dice.below(8);
        odd = manner < 4 ? 0 : manner < 7 ? 40 : 4;
        escapes = dice.one_in(4);
        shuffled = dice.one_in(4);
        spaced = dice.one_in(6);
    }

    string batch() {
        gap();
        dear = dice.one_in(100);
        uint64_t orders = dear ? 1 : dice.count(0, 4, 60, 400);
        object({"batch", "currency", "orders"}, [&](string_view name) {
            if (name == "orders") array(orders, [&] { value("order"); });
            else value(name == "batch" ? "batch" : "currency");
        });
        gap();
        return out;
    }

    // Writes a valid value of that member; "order", "line" and "tag" are the elements of arrays.
    string &value(string_view name) {
        if (breach && --breach == 0) return wrong(name);
        if (name == "id") integer(id());
        else if (name == "quantity") integer(dice.one_in(9) ? 1000000 - dice.below(2) : 1 + dice.below(12));
        else if (name == "price") integer(dice.one_in(9) ? 1000 * 1000 * 1000 - dice.below(2) : dice.below(100000));
        else if (name == "sku") out += '"' + sku() + '"';
        else if (name == "tag") word(30);
        else if (name == "name") name_();
        else if (name == "batch") word(64);
        else if (name == "channel") dice.one_in(4) ? (void)(out += "null") : word(30);
        else if (name == "note") dice.one_in(4) ? (void)(out += "null") : word(dice.one_in(20) ? 2000 : 60);
        else if (name == "status") out += '"' + string(dice.pick(STATUSES)) + '"';
        else if (name == "currency") out += dice.one_in(2) ? "\"EUR\"" : "\"AZZ\"";
        else if (name == "placed") moment();
        else if (name == "customer") object({"id", "name"}, [&](string_view member) { value(member); });
        else if (name == "order") order();
        else if (name == "line") line();
        else if (name == "tags") array(dice.count(0, 4, 20, 20), [&] { value("tag"); });
        else if (name == "lines") lines();
        else out += dice.pick(DROPPED);
        return out;
    }

    string gapped(string_view text) {
        odd = 1;
        gap();
        return out += text;
    }

  private:
    Dice &dice;
    uint64_t breach;
    string out;
    uint64_t odd;  // one value in `odd` has an unusual spelling; 0: none
    bool escapes, shuffled, spaced, dear = false;

    void gap() {
        if (!odd || !dice.one_in(odd)) return;
        for (uint64_t n = dice.one_in(50) ? 100 : 1 + dice.below(3); n--;) out += dice.pick(GAPS);
    }

    template <typename Element> void array(uint64_t count, Element element) {
        out += '[';
        gap();
        for (uint64_t i = 0; i < count; i++) {
            if (i) comma();
            element();
            gap();
        }
        out += ']';
    }

    void comma() {
        out += spaced ? ", " : ",";
        gap();
    }

    template <typename Member> void object(std::vector<string_view> names, Member member) {
        if (shuffled)
            for (size_t i = names.size(); i > 1; i--) std::swap(names[i - 1], names[dice.below(i)]);
        if (breach && --breach == 0)
            dice.one_in(2) ? (void)names.pop_back() : (void)names.push_back("");
        out += '{';
        gap();
        for (size_t i = 0; i < names.size(); i++) {
            if (i) comma();
            if (odd && dice.one_in(8 * odd)) {  // the last member of a name overrides earlier ones
                key(names[i]);
                out += dice.pick(DROPPED);
                comma();
            }
            key(names[i]);
            names[i].empty() ? (void)(out += dice.pick(WRONG)) : member(names[i]);
            gap();
        }
        out += '}';
    }

    void key(string_view name) {
        if (name.empty()) out += dice.pick(UNKNOWN);
        else if (odd && dice.one_in(8 * odd)) quote(name, true);
        else (out += '"').append(name) += '"';
        gap();
        out += spaced ? ": " : ":";
        gap();
    }

    void order() {
        std::vector<string_view> names = {"id", "placed", "status", "customer", "lines"};
        if (!dice.one_in(3)) names.push_back("channel");
        if (dice.one_in(3)) names.push_back("note");
        object(names, [&](string_view name) { value(name); });
    }

    void line() {
        std::vector<string_view> names = {"sku", "quantity", "price"};
        if (dice.one_in(2)) names.push_back("tags");
        object(names, [&](string_view name) { value(name); });
    }

    // Writes random lines, or lines whose amounts sum to 2^53 - 1, or to one more or less.
    void lines() {
        if (!dear) return array(dice.count(1, 3, 40, 1000), [&] { value("line"); });
        array(11, [this, n = 0]() mutable {
            uint64_t price = n < 9 ? 1000000000 : n == 9 ? 7199254 : 740990 + dice.below(3);
            out += "{\"sku\":\"" + sku() + "\",\"quantity\":" + (n < 10 ? "1000000" : "1");
            out += ",\"price\":" + std::to_string(price) + "}";
            n++;
        });
    }

    uint64_t id() {
        switch (dice.below(6)) {
        case 0: return 1 + dice.below(MAX_INTEGER);
        case 1: return MAX_INTEGER - dice.below(2);
        case 2: return (1 + dice.below(16)) << 32;
        default: return 1 + dice.below(9);
        }
    }

    void integer(uint64_t n) { out += n == 0 && odd && dice.one_in(odd) ? "-0" : std::to_string(n); }

    string sku() {
        static constexpr uint64_t LENGTHS[] = {1, 2, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 39, 40};
        uint64_t length = dice.one_in(3) ? dice.pick(LENGTHS) : 1 + dice.below(12);
        string sku(length, dice.pick(SKU));
        for (uint64_t n = dice.below(4); n--;) sku[dice.one_in(2) ? length - 1 : dice.below(length)] = dice.pick(SKU);
        return sku;
    }

    void moment() {
        static constexpr uint64_t YEARS[] = {1, 4, 1900, 2000, 2023, 2024, 2026, 9999};
        static constexpr uint64_t DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        uint64_t year = dice.one_in(4) ? 1 + dice.below(9999) : dice.pick(YEARS), month = dice.below(12);
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        uint64_t last = DAYS[month] + (leap && month == 1), day = dice.one_in(3) ? last : 1 + dice.below(last);
        char text[32];
        snprintf(text, sizeof text, "\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", int(year), int(month + 1), int(day),
                 int(dice.one_in(4) ? 23 : dice.below(24)), int(dice.below(60)), int(dice.one_in(4) ? 59 : dice.below(60)));
        out += text;
    }

    string characters(uint64_t count) {
        string text;
        bool one = dice.one_in(2);  // one repeated character, or random ones
        string_view same = dice.pick(CHARACTERS);
        while (count--) text += one ? same : dice.pick(CHARACTERS);
        return text;
    }

    // Writes a string of 1 to `most` characters: one that occurs repeatedly, or a random one.
    void word(uint64_t most) {
        if (!dice.one_in(3)) quote(dice.pick(WORDS), false);
        else quote(characters(dice.one_in(8) ? most - dice.below(2) : 1 + dice.below(6)), false);
    }

    void name_() {
        if (!dice.one_in(3)) return quote(dice.pick(WORDS), false);
        uint64_t length = dice.one_in(8) ? 198 : dice.below(5);
        string spaces(dice.below(3), dice.pick(" \t\n\v"sv));
        quote(spaces + "x" + characters(length) + spaces, false);
    }

    void quote(string_view text, bool all) {
        out += '"';
        for (size_t at = 0, size; at < text.size(); at += size) {
            auto first = uint8_t(text[at]);
            size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
            string_view character = text.substr(at, size);
            bool must = first < 0x20 || first == '"' || first == '\\';
            if (must || all || (escapes && first >= 0x80) || (odd && dice.one_in(odd))) escape(character);
            else out += character;
        }
        out += '"';
    }

    void escape(string_view character) {
        static constexpr string_view PLAIN = "\"\\/\b\f\n\r\t", LETTERS = "\"\\/bfnrt";
        size_t short_form = PLAIN.find(character);
        if (short_form != string_view::npos && !dice.one_in(4)) {
            (out += '\\') += LETTERS[short_form];
            return;
        }
        auto byte = [&](size_t i) { return uint32_t(uint8_t(character[i])); };
        auto tail = [&](size_t i) { return byte(i) & 63; };
        switch (character.size()) {
        case 1: return unit(byte(0));
        case 2: return unit((byte(0) & 31) << 6 | tail(1));
        case 3: return unit((byte(0) & 15) << 12 | tail(1) << 6 | tail(2));
        default:
            uint32_t point = ((byte(0) & 7) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)) - 0x10000;
            unit(0xD800 | point >> 10);
            unit(0xDC00 | (point & 1023));
        }
    }

    void unit(uint32_t unit) {
        char text[8];
        snprintf(text, sizeof text, dice.one_in(2) ? "\\u%04x" : "\\u%04X", unit);
        out += text;
    }

    // Writes a value just beyond the limits of that member, or any invalid value.
    string &wrong(string_view name) {
        uint64_t toss = dice.below(3);
        if (toss == 0 && name == "tags") array(21, [&] { value("tag"); });
        else if (toss == 0 && name == "lines") array(dice.one_in(2) ? 0 : 1001, [&] { value("line"); });
        else if (toss == 0 && (name == "tag" || name == "channel")) quote(characters(31), false);
        else if (toss == 0 && name == "batch") quote(characters(65), false);
        else if (toss == 0 && name == "note") quote(characters(2001), false);
        else if (toss == 0 && name == "name") quote("x" + characters(199) + "yz", false);
        else if (toss == 0 && name == "sku") out += '"' + string(41, 'A') + '"';
        else if (toss == 0 && name == "id") out += string(4299 + dice.below(3), '9');
        else out += dice.pick(WRONG);
        return out;
    }
};

// --- Changes to a document ---------------------------------------------------------------------------------------

struct Value {
    size_t begin, end;
    string_view name;  // of its member; elements have the name of their array
};

bool ends_word(char c) { return memchr(" \t\n\r,:[]{}\"", c, 11) != nullptr; }

// Returns the positions of all values of a text, which need not be valid JSON.
std::vector<Value> values(string_view text) {
    std::vector<Value> found, open;
    string_view name;
    for (size_t at = 0; at < text.size();) {
        size_t begin = at;
        char c = text[at++];
        if (c == '"') {
            while (at < text.size() && text[at] != '"') at += 1 + (text[at] == '\\');
            at = std::min(at + 1, text.size());
            size_t next = text.find_first_not_of(GAPS, at);
            if (next != string_view::npos && text[next] == ':') name = text.substr(begin + 1, at - begin - 2), at = next + 1;
            else found.push_back({begin, at, name});
        } else if (c == '{' || c == '[') {
            open.push_back({begin, 0, name});
        } else if (c == '}' || c == ']') {
            if (open.empty()) continue;
            name = open.back().name;
            found.push_back({open.back().begin, at, name});
            open.pop_back();
        } else if (!ends_word(c)) {
            while (at < text.size() && !ends_word(text[at])) at++;
            found.push_back({begin, at, name});
        }
    }
    return found;
}

string replaced(string_view text, Value place, string_view by) {
    return string(text.substr(0, place.begin)).append(by).append(text.substr(place.end));
}

// Returns the kind of a value: its name, or the kind of an array's element.
string_view kind(string_view text, Value value) {
    char first = text[value.begin];
    if (value.name == "orders" && first == '{') return "order";
    if (value.name == "lines" && first == '{') return "line";
    if (value.name == "tags" && first == '"') return "tag";
    return value.name;
}

string document(Dice &dice) {
    uint64_t breach = dice.one_in(4) ? 1 + dice.below(dice.one_in(2) ? 12 : 60) : 0;
    return Author(dice, breach).batch();
}

string changed(Dice &dice, string_view text, size_t max_size) {
    auto all = values(text);
    uint64_t toss = dice.below(16);
    if (all.empty() || toss < 8) return document(dice);
    Value one = dice.pick(all), other = dice.pick(all);
    string_view here = text.substr(one.begin, one.end - one.begin);
    switch (toss) {
    case 8: case 9: return replaced(text, one, Author(dice, 0).value(kind(text, one)));
    case 10: return replaced(text, one, Author(dice, 1).value(kind(text, one)));
    case 11: return replaced(text, one, Author(dice, 0).gapped(here));
    case 12: return replaced(text, one, string(here) + "," + string(here));
    case 13: return replaced(text, one, text.substr(other.begin, other.end - other.begin));
    case 14: return string(text.substr(0, dice.below(text.size())));
    default: {
        string bytes(text);
        bytes.resize(std::max(max_size, text.size()));
        bytes.resize(LLVMFuzzerMutate((uint8_t *)bytes.data(), text.size(), bytes.size()));
        return bytes;
    }
    }
}

size_t put(const string &text, uint8_t *out, size_t max_size) {
    size_t size = std::min(text.size(), max_size);
    memcpy(out, text.data(), size);
    return size;
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    Dice dice{seed};
    string text = changed(dice, {(const char *)data, size}, max_size);
    return put(text, data, max_size);
}

// Replaces a value of one document by a value of the same kind from another.
extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size, const uint8_t *other, size_t other_size,
                                            uint8_t *out, size_t max_size, unsigned seed) {
    Dice dice{seed};
    string_view text((const char *)data, size), donor((const char *)other, other_size);
    auto places = values(text), offered = values(donor);
    if (places.empty()) return put(document(dice), out, max_size);
    Value place = dice.pick(places);
    std::vector<string_view> fitting;
    for (Value value : offered)
        if (kind(donor, value) == kind(text, place)) fitting.push_back(donor.substr(value.begin, value.end - value.begin));
    string by = fitting.empty() ? Author(dice, 0).value(kind(text, place)) : string(dice.pick(fitting));
    return put(replaced(text, place, by), out, max_size);
}
