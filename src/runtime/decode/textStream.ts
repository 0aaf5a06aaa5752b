// The text of a generation while its tokens arrive: only a short tail is decoded again, and each
// slice ends with a check against the whole.

/** What is needed of a tokenizer. */
interface Decodes {
  decode(ids: readonly number[]): string;
}

/**
 * The whole text after a slice, and its length after each id of the slice, in UTF-16 units.
 */
export interface Streamed {
  text: string;
  ends: number[];
}

const REPLACEMENTS = /\uFFFD+$/;

/**
 * Text of the ids that follow a prompt. An incomplete character at the end is held back until
 * it is whole or the text is finished.
 */
export class TextStream {
  readonly #tokenizer: Decodes;
  /** Prompt and new ids. */
  readonly #all: number[];
  readonly #promptLength: number;
  /** Text of the prompt. */
  readonly #before: string;
  /** Length of the text of the new ids before `#read`. */
  #stable = 0;
  /**
   * The ids from here to `#read` are decoded along with the tail: some tokenizers drop a space at
   * the start of what they decode.
   */
  #from = 0;
  /** The ids before this one ended in a whole character. */
  #read: number;
  /** Text of the ids from `#from` to `#read`. */
  #lead: string;

  constructor(tokenizer: Decodes, prompt: readonly number[]) {
    this.#tokenizer = tokenizer;
    this.#all = [...prompt];
    this.#promptLength = prompt.length;
    this.#before = tokenizer.decode(prompt);
    this.#read = prompt.length;
    this.#lead = this.#before;
  }

  /** @param finished no more ids will come: an incomplete character at the end is shown as it is */
  push(ids: readonly number[], finished: boolean): Streamed {
    const start = this.#all.length;
    const ends = ids.map((id) => this.#grow(id));
    const whole = this.#whole(this.#all.length);
    const text = finished ? whole : whole.replace(REPLACEMENTS, '');
    const heard = this.#stable + this.#tail().replace(REPLACEMENTS, '').length;
    if (heard === whole.replace(REPLACEMENTS, '').length)
      return { text, ends: ends.map((end) => Math.min(end, text.length)) };
    // A tokenizer whose text is not the sum of its parts: each end is taken from the whole, and the
    // tail starts again.
    const exact = ids.map((_, k) =>
      Math.min(this.#whole(start + k + 1).replace(REPLACEMENTS, '').length, text.length),
    );
    if (whole !== '' && !whole.endsWith('\uFFFD')) {
      this.#stable = whole.length;
      this.#from = 0;
      this.#read = this.#all.length;
      this.#lead = this.#tokenizer.decode(this.#all);
    }
    return { text, ends: exact };
  }

  /** Takes one more id. @returns the length of the text after it */
  #grow(id: number): number {
    this.#all.push(id);
    const tail = this.#tail();
    const shown = tail.replace(REPLACEMENTS, '').length;
    const end = this.#stable + shown;
    if (shown > 0 && shown === tail.length) {
      this.#from = this.#read;
      this.#read = this.#all.length;
      this.#stable = end;
      this.#lead = this.#tokenizer.decode(this.#all.slice(this.#from, this.#read));
    }
    return end;
  }

  /** Text of the ids from `#read` on. */
  #tail(): string {
    return this.#read === this.#all.length
      ? ''
      : this.#tokenizer.decode(this.#all.slice(this.#from)).slice(this.#lead.length);
  }

  /** Text of the new ids before `end`, decoded at once. */
  #whole(end: number): string {
    const text = this.#tokenizer.decode(this.#all.slice(0, end));
    return text.startsWith(this.#before)
      ? text.slice(this.#before.length)
      : this.#tokenizer.decode(this.#all.slice(this.#promptLength, end));
  }
}
