"""Texts as ftfy repairs them and as OpenAI's CLIP tokenizer cleans them and cuts them into words.

Versions: ftfy 6.3.1, regex 2026.11.15, Python 3.11 (html.unescape, Unicode 14).
Run: tooling/reference/.venv/bin/python tooling/reference/text_cleaning_fixtures.py [COUNT SEED FILE]
Without arguments it writes the fixture; with them as many other texts to compare, a case a line.
Case: [text, ftfy's text, cleaned text, words joined by spaces].
"""
import gzip
import html
import json
import pathlib
import random
import sys

import ftfy
import regex
from text_cleaning_texts import texts

FIXTURE = pathlib.Path(__file__).resolve().parents[2] / "packages/text-encoder/fixtures/cleaned.json.gz"
WORDS = regex.compile(
    r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""", regex.IGNORECASE)


def case(text):
    fixed = ftfy.fix_text(text)
    cleaned = html.unescape(html.unescape(fixed)).strip()
    cleaned = regex.sub(r"\s+", " ", cleaned).strip().lower()
    return json.dumps([text, fixed, cleaned, " ".join(WORDS.findall(cleaned))], separators=(",", ":"))


count, seed, file = sys.argv[1:] or (8000, 7, FIXTURE)
file = pathlib.Path(file)
lines = [case(text) for text in texts(random.Random(int(seed)), int(count))]
if file == FIXTURE:
    content = "{\"name\":\"ftfy 6.3.1\",\n\"cases\":[\n" + ",\n".join(lines) + "\n]}\n"
    file.write_bytes(gzip.compress(content.encode(), mtime=0))
else:
    file.write_text("\n".join(lines) + "\n")
print(f"{len(lines)} cases, {file.stat().st_size} bytes")
