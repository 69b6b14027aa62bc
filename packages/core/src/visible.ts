/**
 * What a terminal obeys and a person does not see: control characters (C0 but tab and new line, DEL, C1), marks that turn
 * the direction of writing round, and Unicode's separators of lines.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const hidden = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * A text with its hidden characters escaped, as `\u001b`: what a file says, such as a tensor's name or a caption, can't move
 * the cursor, clear the screen or turn round what stands beside it. Tabs and new lines stay.
 */
export const visible = (text: string): string =>
  text.replace(hidden, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** {@link visible} on one line: tabs and new lines are escaped, too. */
export const visibleLine = (text: string): string =>
  visible(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
