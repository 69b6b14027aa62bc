"""Texts that need cleaning: sentences of many languages and random characters, misread, damaged and decorated."""
import html.entities
import unicodedata

import ftfy
from ftfy.badness import MOJIBAKE_CATEGORIES
from ftfy.chardata import CHARMAP_ENCODINGS

SENTENCES = """a photo of a red cube on the grass
It’s a “quoted” thing — isn’t it… at 50 € or £20?
Façade d’un café à l'été, où l’on voit des œuvres naïves à la carte
Ein schöner Fuß über größeren Straßen, Äpfel & Öl für 5 °C
El niño comió piñas; ¿qué pasó? ¡Mañana será otro día!
Às vezes ele dá àquela mãe uma lição de coração à noite
Perché la città è più bella così, però costerà
De coördinatie van geïnteresseerde ĳsberen in één oogopslag
Blåbærsyltetøy på brød, smørrebrød og æbler
Räksmörgås åt Åsa, kött på ön
Þetta er íslenska: ævintýri, öræfi, það
Hyvää yötä, äiti söi pöydässä
Zażółć gęślą jaźń, Łódź i żółw
Příliš žluťoučký kůň úpěl ďábelské ódy
Kŕdeľ šťastných ďatľov učí pri ústí Váhu mĺkveho koňa
Árvíztűrő tükörfúrógép, őszi hűvös
Îți mulțumesc, ştiinţă şi țară în Bucureşti
Čuješ li đavolju žalost? Ǆep, ǈubav, ǌiva
Įlinkdama fechtuotojo špaga sublykčiojusi pragręžė apvalų arbūzą
Glāžšķūņa rūķīši dzērumā čiepj Baha koncertflīģeļu vākus
Põdur Zagrebi tšellomängija-följetonist Ciqo külmetas kehvas garaažis
Pijamalı hasta yağız şoföre çabucak güvendi, İstanbul ılık
Съешь же ещё этих мягких французских булок — «да выпей чаю»
Чуєш їх, доцю, га? Кумедна ж ти, прощайся без ґольфів!
Љубазни фењерџија чађавог лица хоће да ми покаже штос
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία, ΟΔΟΣ ΣΟΦΟΣ ΐ ΰ
עטלף אבק נס דרך מזגן שהתפוצץ כי חם
نص حكيم له سر قاطع وذو شأن عظيم، ٣٤٥
یک نوشتهٔ فارسی با نیم‌فاصله
ऋषियों को सताने वाले दुष्ट राक्षसों के राजा
আমি বাংলায় গান গাই
தமிழ் மொழி அழகானது
తెలుగు భాష తీయనైనది
เป็นมนุษย์สุดประเสริฐเลิศคุณค่า
ພາສາລາວ ສະບາຍດີ
မြန်မာဘာသာ
ภาพถ่าย แมว
ქართული ენა მშვენიერია
Հայերեն լեզուն գեղեցիկ է
አማርኛ ቋንቋ ነው
Con sói nhảy qua bức tường đổ nát, Nguyễn Ái Quốc
いろはにほへと ちりぬるを 色は匂へど
ｱｲｳｴｵ ガギグ ﾊﾟﾋﾟ 全角ＡＢＣ　１２３！
我能吞下玻璃而不伤身体。
我能吞下玻璃而不傷身體，「你好」
키스의 고유조건은 입술끼리 만나야 하고
Ꮳꮃꭹ ᏣᎳᎩ ꦗꦮ ⵜⵉⴼⵉⵏⴰⵖ
👩‍👩‍👧 🇫🇷 ❤️ 🐈‍⬛ 😀 1️⃣
(╯°□°)╯︵ ┻━┻ ヽ(°◇° )ノ ¯\\_(ツ)_/¯
x² + y³ ≠ ½ × π ± ∞, √2 ≈ 1.41, № 5 ™ ® ©
Ⓐ Ⅷ ﬁﬂ ﬀ ﬅ ŉ ﬆ ǅ ſt 'ſ K Å""".split("\n")

RANGES = [(32, 127), (0x80, 0x180), (0x180, 0x250), (0x250, 0x370), (0x370, 0x530), (0x590, 0x780), (0x900, 0xE80),
          (0x1E00, 0x2200), (0x2460, 0x2800), (0x3000, 0x3400), (0x4E00, 0x5000), (0xA000, 0xAC00), (0xAC00, 0xAD00),
          (0xF900, 0xFFF0), (0x10000, 0x10A00), (0x1D400, 0x1D500), (0x1F300, 0x1F700), (0, 0x20000)]
# Letters and signs that are often seen misread.
COMMON = [chr(c) for first, last in [(0xA0, 0x180), (0x2010, 0x2045), (0x20AC, 0x20AD), (0x2122, 0x2123), (0x2248, 0x2266),
                                     (0xFB01, 0xFB03)] for c in range(first, last)]
SUSPECTS = sorted({chr(c) for e in CHARMAP_ENCODINGS for c in map(ord, bytes(range(128, 256)).decode(e))}
                  | set("".join(MOJIBAKE_CATEGORIES.values())) - {"-"})
PAIRS = ["Ã", "Â", "â€", "Ð", "Ñ", "Ø", "Ù", "à²", "√", "‚Ä", "вЂ", "РЎ", "В°", "ГўВЂВ", "β€", "Ξ", "ā€", "œ", "×²", "ðŸ",
         "Ã ", "\ufffd", ".Â ", "»Â ", "aÃ", "≈°", "≈¢", "‚âà", "‚óê", " Ä€", "aÄ¡", "é«²", "√† – "]
# UTF-8, CESU-8 and Java's NUL, whole and with bytes lost or made spaces.
SEQUENCES = [b"\xc3\xa9", b"\xc3 ", b"\xc3 quele ", b"\xc3 s ", b"\xc3?", b"\xc2\x1a", b"\xd0 ", b"\xe2\x80\x99", b"\xe2 \x99",
             b"\xe3\x81 ", b"\xe2\x80\x1a", b"\xe2?\x99", b"\xf0\x9f\x98\x80", b"\xf0 \x98\x80", b"\xf0\x9f \x80",
             b"\xf0\x9f\x98 ", b"\xf0?\x98\x80", b"\xf0\x9f\x98?", b"\xed\xa0\xbd\xed\xb8\x80", b"\xed\xa0?\xed\xb8\x80",
             b"\xed\xa0\xbd\xed\xb8?", b"\xed\xa0\x1a\xed\xb8\x1a", b"\xed\xa0\xbd\xed\xb8\n", b"\xed\xa0\xbd", b"\xed\x95\x9c",
             b"\xc0\x80", b"\xc0\n", b"\xc0", b"a", b" ", b"\n"]
NAMES = sorted(html.entities.html5)
MARKS = ["<|startoftext|>", "<|endoftext|>", "<|EndOfText|>", "<|ſtartoftext|>", "'s", "'ſ", "'LL", "'re", "<", ">", "&"]
SPACES = [" ", "\u00a0", "\t", "\n", "\r\n", "\r", "\u2028", "\u2029", "\u0085", "\u3000", "\u2003", "\u200b", "\f",
          "\v"]
CONTROLS = ["\0", "\a", "\x1a", "\x1b[31m", "\x1b[1;٣m", "\x1b[", "\x1f", "\x7f", "\ufeff", "\ufffc", "\u206b", "\x81",
            "\x93", "\x9d"]
NUMBERS = ["0", "9", "13", "59", "128", "133", "153", "160", "233", "769", "837", "8217", "55357", "65534", "128512",
           "1114112", "1000000000"]
HEXADECIMALS = ["1", "7f", "93", "e9", "D800", "fdd0", "1F600", "ffffff", "g", "301"]


def assigned(text):
    """Whether Unicode 14, which Python 3.11 has, knows all the characters: later letters depend on a program's age."""
    return all(unicodedata.category(c) != "Cn" for c in text)


def joined(text):
    """`text` with pairs of surrogates as one character, as JavaScript cannot but see them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def random_text(rng, most=20):
    first, last = rng.choice(RANGES)
    return "".join(chr(rng.randrange(first, last)) for _ in range(rng.randrange(1, most)))


def suspects(rng):
    return "".join(rng.choice(SUSPECTS) if rng.random() < 0.75 else rng.choice("ab Z.?\n'")
                   for _ in range(rng.randrange(1, 14)))


def reference(rng):
    name = rng.choice(NAMES)
    match rng.randrange(7):
        case 0:
            return f"&{name}"
        case 1:
            return f"&{name.upper()}"
        case 2:
            return f"&{name.rstrip(';')}{rng.choice(['', ' ', 'x', '&'])}"
        case 3:
            return f"&amp;{name}" if rng.random() < 0.5 else f"&amp;amp;{name}"
        case 4:
            return f"&#{rng.choice(NUMBERS)}{rng.choice(';;; a')}"
        case 5:
            return f"&#{rng.choice('xX')}{rng.choice(HEXADECIMALS)}{rng.choice(';;; z')}"
        case _:
            return f"&{name[:rng.randrange(1, len(name))]};"


def utf8_by_halves(text):
    """UTF-8 of each UTF-16 unit by itself (CESU-8), with Java's NUL."""
    encoded = text.encode("utf-16-be", "surrogatepass")
    units = [chr(encoded[i] << 8 | encoded[i + 1]) for i in range(0, len(encoded), 2)]
    return b"".join(b"\xc0\x80" if unit == "\0" else unit.encode("utf-8", "surrogatepass") for unit in units)


def misread(rng, text):
    """A text of which the UTF-8, perhaps with losses, was read in another encoding."""
    encoded = utf8_by_halves(text) if rng.random() < 0.1 else text.encode("utf-8", "surrogatepass")
    kind = rng.random()
    if kind < 0.1:
        encoded = bytes(rng.choice(b"\x1a?") if b > 127 and rng.random() < 0.1 else b for b in encoded)
    elif kind < 0.15:
        encoded = encoded[rng.randrange(0, 3):len(encoded) - rng.randrange(0, 3)]
    if rng.random() < 0.15:
        return encoded.decode("windows-1252", "replace")
    read = encoded.decode(rng.choice(CHARMAP_ENCODINGS))
    return read.replace("\u00a0", " ") if rng.random() < 0.3 else read


def sequences(rng):
    chosen = b"".join(rng.choice(SEQUENCES) for _ in range(rng.randrange(1, 5)))
    return chosen.decode("latin-1" if rng.random() < 0.3 else rng.choice(CHARMAP_ENCODINGS))


def part(rng):
    match rng.randrange(10):
        case 0 | 1 | 2:
            words = rng.choice(SENTENCES).split(" ")
            start = rng.randrange(len(words))
            return " ".join(words[start:start + rng.randrange(1, 7)])
        case 3:
            return random_text(rng)
        case 4:
            return suspects(rng)
        case 5:
            return reference(rng)
        case 6:
            return rng.choice(PAIRS) + rng.choice(SUSPECTS) + rng.choice(["", " ", "a"])
        case 7:
            return sequences(rng)
        case 8:
            return rng.choice(MARKS if rng.random() < 0.5 else CONTROLS)
        case _:
            return chr(rng.randrange(0xD800, 0xE000)) if rng.random() < 0.2 else rng.choice(SPACES)


def letter(rng):
    """One letter misread by itself, where only its own few signs and its neighbour tell."""
    one = chr(rng.choice([rng.randrange(0x80, 0x800), rng.randrange(0x800, 0x3100), rng.randrange(0x80, 0xD800)]))
    return rng.choice(["", " ", "a", "A", ".", "é"]) + misread(rng, one) + rng.choice(["", "", " ", "b"])


def damaged_text(rng):
    if rng.random() < 0.3:
        return letter(rng)
    made = "".join(part(rng) + rng.choice(["", " ", " ", "\n"]) for _ in range(rng.choice([1, 1, 2, 3])))
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 2, 3])):
        if rng.random() < 0.8:
            made = misread(rng, made)
        else:
            made += part(rng)
    return joined(made)


def texts(rng, count):
    """`count` texts, less what is not assigned: sentences and common letters misread in each encoding come first."""
    made = []
    for sentence in SENTENCES:
        made.append(sentence)
        for encoding in CHARMAP_ENCODINGS:
            once = sentence.encode().decode(encoding)
            made += [once, once.encode().decode(rng.choice(CHARMAP_ENCODINGS))]
    for one in COMMON:
        made += [rng.choice(["", " ", "a"]) + one.encode().decode(encoding) for encoding in CHARMAP_ENCODINGS]
    made += ["it" + mark.encode().decode("latin-1").encode().decode("windows-1251", "replace") + "s" for mark in "‘’“”…–"]
    while len(made) < count:
        made.append(damaged_text(rng))
    return [t for t in made[:count] if assigned(t) and assigned(ftfy.fix_text(t))]
