"""Texts and tokens by transformers' BertTokenizer (5.23.0), for packages/annotators/fixtures/blip/tokens.json.

Run: tooling/reference/.venv/bin/python tooling/reference/annotators/blip_tokens.py [FILE [SEED COUNT]]
A SEED makes COUNT texts of its own, to compare at random.
"""
import json
import random
import sys
import unicodedata
from pathlib import Path

from transformers import BertTokenizer

out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[3] / "packages/annotators/fixtures/blip/tokens.json")
rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 5)
count = int(sys.argv[3]) if len(sys.argv) > 3 else 120

WORDS = "a the photo photography picture of dog cat two it naive cafe man don 猫 犬 東 кошка σας οδος é ü 'm 's n't - – “ straße".split()
LETTERS = list("abcdefghijklmnopqrstuvwxyzABCéßσς0123456789아ก")
MARKS = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~。、¿")
PIECES = ["##" + piece for piece in LETTERS + ["ing", "graph", "ography", "ed", "猫", "'", "."]]
VOCABULARY = list(dict.fromkeys(["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS + LETTERS + MARKS + PIECES))
OPTIONS = {
    "default": {}, "cased": {"do_lower_case": False}, "cased, no accents": {"do_lower_case": False, "strip_accents": True},
    "accents": {"strip_accents": False}, "no Chinese": {"tokenize_chinese_chars": False}, "cleaned": {"clean_up_tokenization_spaces": True},
}
PLAIN = ["a photography of", "A Dog's photo, isn't it? -- two!", "naïve café NAÏVE", "  \t a\u00a0dog\r\nthe\u3000cat\u2028of\u0085it ", "猫と犬a東b",
         "[CLS] a [SEP] dog [MASK][UNK] [sep] [PAD]dog", "ΟΔΟΣ Σας ΣΑΣ ας", "İstanbul ǅ ﬁ ½ Ⅷ", "a\u200bb\ufeffc\u00add\x00e\ufffdf\x07g\ue000h", "", " ",
         "a" * 100, "a" * 101, "photographying", "dogs dog s ##s a##b", "e\u0301 u\u0308 각 ก็", "“it” – the—dog…", "STRASSE straße ẞ",
         "don't I'm he's '' ' . , ?!", "\U0002f800\U00020000\U0002b82f\U0002ceb0", "𝐝𝐨𝐠 ｄｏｇ 😀👩‍👧", "a_b-c/d\\e @x #1 $2 ^~`|"]
RANGES = [(32, 127), (160, 400), (0x300, 0x370), (0x370, 0x530), (0x590, 0x780), (0x900, 0xE80), (0x1E00, 0x2200), (0x2460, 0x2800),
          (0x3000, 0x3400), (0x4E00, 0x5000), (0xAC00, 0xAD00), (0xF900, 0xFFF0), (0x1D400, 0x1D500), (0x1F300, 0x1F700)]


def sample():
    parts = []
    for _ in range(rng.randrange(1, 12)):
        kind = rng.random()
        if kind < 0.4:
            parts.append(rng.choice(WORDS + MARKS + LETTERS))
        elif kind < 0.5:
            parts.append(rng.choice(["[SEP]", "[MASK]", "##", "ing", " ", "  ", "\t", "'s", "'"]))
        else:
            parts.append("".join(chr(rng.randrange(*rng.choice(RANGES))) for _ in range(rng.randrange(1, 4))))
        if rng.random() < 0.5:
            parts.append(" ")
    return "".join(parts)


def texts():
    found = list(PLAIN)
    while len(found) < count:
        text = sample()
        # What newer characters are depends on the age of each program's tables; tokenizers' are those of Unicode 8.
        if all(unicodedata.ucd_3_2_0.category(c) != "Cn" for c in text):
            found.append(text)
    return found


def decoded():
    marks = [i for i, token in enumerate(VOCABULARY) if token in MARKS + ["'m", "'s", "n't", "s", "t"]]
    return [[rng.choice(marks) if rng.random() < 0.4 else rng.randrange(len(VOCABULARY) + 3) for _ in range(rng.randrange(0, 14))]
            for _ in range(count // 2)]


cases = {}
for name, options in OPTIONS.items():
    tokenizer = BertTokenizer(vocab={token: i for i, token in enumerate(VOCABULARY)}, **options)
    own = texts() if name == "default" else texts()[:len(PLAIN) + count // 8]
    cases[name] = {
        "options": options,
        "encoded": [[text, tokenizer(text, add_special_tokens=False)["input_ids"]] for text in own],
        "decoded": [[ids, tokenizer.decode(ids, skip_special_tokens=True)] for ids in (decoded() if name in ("default", "cleaned") else [])],
    }
out.write_text(json.dumps({"vocabulary": VOCABULARY, "cases": cases}, ensure_ascii=True, separators=(",", ":")) + "\n")
print(out.stat().st_size, {name: [len(case["encoded"]), len(case["decoded"])] for name, case in cases.items()})
