/**
 * A strict pull reader for the JSON subset of safetensors headers: objects, strings and arrays of unsigned
 * integers. JSON.parse would silently keep the last of two equal keys and round large numbers.
 */
export class JsonReader {
  private at = 0;
  private readonly text: string;

  /**
   * @param fail called with what is wrong; must throw
   */
  constructor(
    bytes: Uint8Array,
    private readonly fail: (message: string) => never,
  ) {
    try {
      this.text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      this.text = "";
      fail("its header is not UTF-8 text");
    }
  }

  /** Reads `{...}`, calling `entry` with each key; `entry` reads the value. */
  object(entry: (key: string) => void): void {
    this.expect("{");
    if (this.take("}")) return;
    do {
      const key = this.string();
      this.expect(":");
      entry(key);
    } while (this.take(","));
    this.expect("}");
  }

  /** Reads `[n, ...]` of at most `limit` unsigned integers below 2^53. */
  integers(limit: number): number[] {
    this.expect("[");
    const values: number[] = [];
    if (this.take("]")) return values;
    do {
      if (values.length === limit)
        this.fail(`its header has a list of more than ${limit} numbers${this.place()}`);
      values.push(this.integer());
    } while (this.take(","));
    this.expect("]");
    return values;
  }

  /** Reads a string, its escapes resolved. */
  string(): string {
    this.expect('"');
    const start = this.at;
    let escaped = false;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (Number.isNaN(code)) this.fail("its header ends within a string");
      if (code === 0x22) break;
      if (code < 0x20) this.fail(`its header has a control character in a string${this.place()}`);
      if (code === 0x5c) {
        escaped = true;
        this.at++;
      }
      this.at++;
    }
    const raw = this.text.slice(start, this.at++);
    const text = escaped ? withoutEscapes(raw) : raw;
    if (text === undefined)
      return this.fail(`its header has a wrong escape in the string "${raw.slice(0, 60)}"`);
    if (escaped && /\p{Surrogate}/u.test(text))
      this.fail(`its header has a string that is not valid Unicode${this.place()}`);
    return text;
  }

  /** Checks that only white space is left. */
  end(): void {
    this.space();
    if (this.at < this.text.length) this.fail(`its header goes on after its end${this.place()}`);
  }

  private integer(): number {
    this.space();
    const start = this.at;
    while (isDigit(this.text.charCodeAt(this.at))) this.at++;
    const digits = this.text.slice(start, this.at);
    if (digits === "" || (digits.length > 1 && digits[0] === "0") || /[.eE]/.test(this.text[this.at] ?? ""))
      this.fail(`its header has no whole number${this.place()}`);
    const value = Number(digits);
    if (!Number.isSafeInteger(value)) this.fail(`its header has a number past 2^53: ${digits.slice(0, 30)}`);
    return value;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  private take(character: string): boolean {
    this.space();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private expect(character: string): void {
    if (!this.take(character)) this.fail(`its header lacks ${character}${this.place()}`);
  }

  private place(): string {
    return ` at character ${this.at}`;
  }
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

function withoutEscapes(raw: string): string | undefined {
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return undefined;
  }
}
