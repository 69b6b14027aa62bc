"""Writes HTML's names of characters, as Python 3.11's html.entities has them, for the text encoder's cleaning.

Run: python3 tooling/reference/text_cleaning_names.py
"""
import html.entities
import pathlib
import textwrap

TARGET = pathlib.Path(__file__).resolve().parents[2] / "packages/text-encoder/src/fix-text/html-names.ts"

names = {}
for name in sorted(html.entities.html5):
    if name.endswith(";"):
        names.setdefault(html.entities.html5[name], []).append(name[:-1])
rows = [f"{'+'.join(f'{ord(c):x}' for c in characters)}:{','.join(of)}" for characters, of in sorted(names.items())]
bare = sorted(name for name in html.entities.html5 if not name.endswith(";"))


def wrapped(words):
    return textwrap.fill(" ".join(words), 108, break_long_words=False, break_on_hyphens=False)


TARGET.write_text(f"""// Written by tooling/reference/text_cleaning_names.py.

/** HTML's names of characters: rows of hexadecimal code points, joined by "+", and names, joined by ",". */
export const htmlNames = `
{wrapped(rows)}
`;

/** The names that HTML knows without a semicolon too. */
export const namesWithoutSemicolon = `
{wrapped(bare)}
`;
""")
