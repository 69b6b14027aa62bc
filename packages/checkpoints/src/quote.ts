/** `text` in quotes for an error message: escaped, and cut where it is long. */
export const quote = (text: string): string =>
  JSON.stringify(text.length > 120 ? `${text.slice(0, 100)}...` : text);
