"""The texts of generated orders: names, notes, tags and channels in many scripts, with their weights.

All are invented, and chosen for their bytes: one to four bytes per character, combining marks, right-to-left scripts,
characters beyond the basic plane, and characters that JSON must escape.
"""

from __future__ import annotations

from typing import NamedTuple


class Naming(NamedTuple):
    """The pattern and parts of names in one script. `weight`: in percent."""

    weight: int
    pattern: str
    given: tuple[str, ...]
    family: tuple[str, ...]


def _naming(weight: int, pattern: str, given: str, family: str) -> Naming:
    return Naming(weight, pattern, tuple(given.split()), tuple(family.split()))


NAMINGS = (
    _naming(
        39,
        "{given} {family}",
        "Emma Liam Olivia Noah Amara Jack Grace Oscar Hannah Lucas Ruth Tom Ingrid Paolo Wanjiru Kofi Leila Sanna Piet",
        "Smith O'Brien Jansen Rossi Mwangi Clark Hoffmann Okafor Baker Silva Martin Lindqvist Fischer Mensah Diaz",
    ),
    _naming(
        12,
        "{given} {family}",
        "Zoë José Chloé Jürgen Søren Åsa Łukasz Çağla Ngũgĩ Renée Iñaki Mária Ødegård Þóra François Šárka",
        "Müller-Lüdenscheidt Álvarez Dvořák Gonçalves Nuñez Kowalczyk-Żak Şahin Lefèvre Sjöberg Kjærgård Pálsdóttir",
    ),
    _naming(5, "{family} {given}", "Zsófia Ákos Győző Réka Ildikó", "Kovács Szőke Tóth Erdős Bíró"),
    _naming(4, "{family} {given}", "Thị_Hằng Văn_Dũng Quốc_Đạt Mỹ_Duyên", "Nguyễn Trần Phạm Lê Đặng"),
    _naming(2, "{given} {family}", "Jose\u0301 Zoe\u0308 Andre\u0301 Mari\u0301a", "Pen\u0303a Mu\u0308ller"),
    _naming(
        8,
        "{given} {family}",
        "Анна Дмитрий Ольга Сергій Іванка Милица Борис Ђорђе",
        "Иванова Кузнецов Шевченко Петровић Ковальчук Соловьёв",
    ),
    _naming(4, "{given} {family}", "Ελένη Γιώργος Σοφία Νίκος", "Παπαδοπούλου Οικονόμου Βασιλείου Ιωάννου"),
    _naming(7, "{family}{given}", "伟 秀英 建国 丽娜 子轩 思远", "王 李 张 欧阳 陈 司马"),
    _naming(5, "{family} {given}", "太郎 花子 さくら ケンジ 美咲 翔", "佐藤 鈴木 高橋 𠮷野 渡邊"),
    _naming(4, "{family}{given}", "민준 서연 지우 하은 도윤", "김 이 박 최 남궁"),
    _naming(3, "{given} {family}", "فاطمة محمد ليلى يوسف", "الحسن المصري حداد النجار"),
    _naming(1, "{given} {family}", "נועה יוסף תמר", "כהן לוי מזרחי"),
    _naming(2, "{given} {family}", "प्रिया अर्जुन लक्ष्मी विक्रम", "शर्मा पटेल सिंह गुप्ता"),
    _naming(1, "{given} {family}", "สมชาย มาลี อรุณ", "ใจดี ศรีสุข วงศ์ไทย"),
    _naming(1, "{given} {family}", "ნინო გიორგი", "ბერიძე მაისურაძე"),
    _naming(1, "{given} {family}", "አበበ ሰላም", "ተስፋዬ በቀለ"),
    _naming(1, "{given} {family}", "Mia🌻 Max🚲 👩\u200d🚀Jo 𝒜nna", "☕ 𐌰𐌻𐌰𐍂𐌴𐌹𐌺𐍃 Müller🎸"),
)

TAGS = {
    **dict.fromkeys(("new", "sale", "gift", "eco", "b2b"), 9),
    **dict.fromkeys(("fragile", "clearance", "promo-2026", "backorder", "heavy", "limited edition"), 4),
    **dict.fromkeys(("organic", "signed", "bulk", "refurbished", "digital", "vegan", "spare part", "xl"), 2),
    **dict.fromkeys(("été", "größe-l", "夏", "скидка", "προσφορά", "할인", "तोहफ़ा", "🎁", "sản phẩm mới"), 1),
    **dict.fromkeys(('7" vinyl', 'size "M"', "A\\B", "row 1\trow 2"), 1),
}

CHANNELS = {
    **dict.fromkeys(("web", "app"), 30),
    **dict.fromkeys(("store", "phone"), 14),
    **dict.fromkeys(("marketplace", "marché", "電話", "магазин", "b2b portal", "متجر"), 2),
}

# One tuple per language; a note uses the sentences of one tuple.
SENTENCES: dict[tuple[str, ...], int] = {
    (
        "Leave at the door.",
        "Please call before delivery.",
        "Gift: do not enclose the invoice!",
        "The bell is broken, knock loudly.",
        'Ask for "Bob" at the desk.',
        "Deliver after 6 pm, c/o the bakery next door.",
        "Second floor, left.",
        "Same address as last time; the dog is friendly.",
        "Path: \\\\depot\\orders\\2026",
    ): 60,
    (
        "Bitte im Hof abstellen.",
        "Klingel defekt – bitte klopfen.",
        "Rechnung an die Firma, „Abteilung 3“.",
        "Lieferung erst ab 17 Uhr möglich.",
    ): 8,
    ("Laisser chez la gardienne.", "Sonner deux fois, s'il vous plaît.", "Étage 3, porte à gauche."): 7,
    ("Dejar en la portería.", "¡Cuidado con el perro!", "Llamar antes de las 8 de la mañana."): 6,
    ("Оставьте у двери.", "Позвоните за час до доставки.", "Домофон не работает."): 6,
    ("Αφήστε το στην είσοδο.", "Καλέστε πριν από την παράδοση."): 2,
    ("配達は午後にお願いします。", "玄関前に置いてください。", "ギフト包装希望"): 4,
    ("请放在门口。", "送货前请打电话。", "不要按门铃,谢谢!"): 3,
    ("문 앞에 놓아 주세요.", "오후에 배송 부탁드립니다."): 2,
    ("اتركه عند الباب من فضلك.", "اتصل قبل التوصيل."): 1,
    ("कृपया दरवाज़े पर छोड़ दें।", "पहुँचने से पहले फ़ोन करें।"): 1,
}
