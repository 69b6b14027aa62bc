import { expect, test } from "vitest";
import { fixText } from "./fix-text.js";

test.each([
  ["UTF-8 read as Latin-1 or windows-1252", "schÃ¶n âœ”", "schön ✔"],
  ["read wrongly twice", "l\u2019Ã\u0192Â©cole", "l'école"],
  ["as windows-1251", "РїСЂРёРІРµС‚", "привет"],
  ["as Mac OS Roman", "voil√† l‚Äôid√©e", "voilà l'idée"],
  ["as code page 437", "├⌐t├⌐", "été"],
  ["in a part of a text", "Ð¿ and schÃ¶n, 猫", "п and schön, 猫"],
  ["surrogates in UTF-8 by themselves", "í\u00a0½í¸\u0080", "😀"],
  ["a no-break space made plain", "voilÃ le travail", "voilà le travail"],
  ["a lost byte", "â€œ so â€\ufffd", '" so \ufffd'],
  ["what only looks strange is left", "Ça coûte 5 €, là-bas: (°□°)", "Ça coûte 5 €, là-bas: (°□°)"],
  ["controls of Latin-1", "\x93so\x94", '"so"'],
  ["HTML references", "&eacute;&EACUTE;&#233;&amp;lt; &not it", "éÉé< &not it"],
  ["ligatures, widths, quotes", "ﬁ Ａﾊﾟ ‘ˮ“x”", 'fi Aパ \'ˮ"x"'],
  ["escapes, controls, line breaks", "\x1b[31mred\x07\r\n\u2028x\ud83d", "red\n\nx\ufffd"],
])("%s", (_, text, fixed) => {
  expect(fixText(text)).toBe(fixed);
});

test("HTML references stay from the first line with a tag on", () => {
  expect(fixText("&amp;\n<b>&amp;\n&amp;")).toBe("&\n<b>&amp;\n&amp;");
});

test("lines of more than a million letters are repaired in pieces", () => {
  const most = "x".repeat(999_999);
  expect(fixText(`${most}Ã©schÃ¶n`)).toBe(`${most}Ã©schön`);
});
