// Proves that a regular expression cannot backtrack exponentially: no repetition may match a text
// in more than one way.

/** A position of Glushkov's automaton: the set of characters that matches there. */
interface Position {
  /** In the syntax of JavaScript: a class, an escape or a character. */
  source: string;
  /** The character itself when there is only one and case matters. */
  literal: string | null;
  flags: 'u' | 'iu';
}

/** A subexpression: positions `from` to `to` (exclusive), with those that can be first and last. */
interface Part {
  from: number;
  to: number;
  first: readonly number[];
  last: readonly number[];
  /** True when it can match the empty string. */
  empty: boolean;
  /** Choices on the longest path through it. */
  forks: number;
}

/**
 * Most choices in sequence, each of which can double the work; known tokenizers have at most a
 * dozen.
 */
const MAX_FORKS = 24;
/** Choices that a loop counts for: it multiplies the work by the length of the text. */
const LOOP_FORKS = 4;
const MAX_NESTING = 40;
/** Most transitions between positions, which bounds the cost of the check. */
const MAX_EDGES = 20_000;
/** Most classes compared character by character, at 50 ms each, in all patterns of a tokenizer. */
const MAX_SCANS = 12;
const MAX_COPIES = 16;

/** The proof fails; the message completes "The pattern ...". Never leaves this file. */
class Unproven extends Error {}

/** Oniguruma's classes in the syntax of JavaScript; its `\w` is wider than JavaScript's. */
const ESCAPES: Readonly<Record<string, string>> = {
  w: '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xB2\\xB3\\xB9\\xBC-\\xBE',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  h: '0-9A-Fa-f',
};
const CONTROLS: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  f: '\f',
  v: '\v',
  a: '\x07',
  e: '\x1b',
  0: '\0',
};

/**
 * A check for all patterns of a tokenizer. It returns null when a search takes no exponential time,
 * else why it might, as the end of a sentence that starts with the pattern. Every repetition must
 * be deterministic: each character determines alone at which position of the pattern it matches
 * (Brüggemann-Klein and Wood, "One-unambiguous regular languages", 1998, on Glushkov's automaton).
 * Patterns for which this cannot be proven are refused.
 */
export function backtrackingCheck(): (pattern: string) => string | null {
  const overlaps = new Overlaps();
  return (pattern) => {
    try {
      new Reader(pattern, overlaps).read();
      return null;
    } catch (error) {
      if (error instanceof Unproven) return error.message;
      throw error;
    }
  };
}

class Reader {
  private readonly text: string[];
  private at = 0;
  private depth = 0;
  private readonly positions: Position[] = [];
  private readonly next: number[][] = [];
  private edges = 0;
  private ignoreCase = false;
  private readonly overlaps: Overlaps;

  constructor(pattern: string, overlaps: Overlaps) {
    this.text = [...pattern];
    this.overlaps = overlaps;
  }

  read(): void {
    while (this.at < this.text.length) {
      this.alternatives();
      // A surplus closing parenthesis: the pattern will not compile.
      this.at++;
    }
  }

  private alternatives(): Part {
    if (++this.depth > MAX_NESTING) throw new Unproven(`nests deeper than ${MAX_NESTING} groups`);
    const outer = this.ignoreCase;
    let all = this.sequence();
    let forks = all.forks;
    while (this.text[this.at] === '|') {
      this.at++;
      const one = this.sequence();
      forks = Math.max(forks, one.forks);
      all = {
        ...joined(all, one),
        first: [...all.first, ...one.first],
        last: [...all.last, ...one.last],
        empty: all.empty || one.empty,
      };
      all.forks = this.counted(forks + 1);
    }
    this.ignoreCase = outer;
    this.depth--;
    return all;
  }

  private sequence(): Part {
    let all = this.nothing();
    for (;;) {
      const c = this.text[this.at];
      if (c === undefined || c === '|' || c === ')') return all;
      const one = this.quantified(this.item());
      for (const from of all.last) this.follow(from, one.first);
      all = {
        ...joined(all, one),
        first: all.empty ? [...all.first, ...one.first] : all.first,
        last: one.empty ? [...all.last, ...one.last] : one.last,
        empty: all.empty && one.empty,
        forks: this.counted(all.forks + one.forks),
      };
    }
  }

  private item(): Part {
    const c = this.text[this.at++]!;
    if (c === '(') return this.group();
    if (c === '[') return this.position(this.classSource(), null);
    if (c === '\\') return this.escape();
    if (c === '^' || c === '$') return this.nothing();
    return c === '.' ? this.position('[^\\n]', null) : this.character(c);
  }

  private group(): Part {
    const [, opening = '', flags] =
      /^(\?(?:[:>=!|]|<[=!]|<\w+>|P<\w+>|#|([a-z]*(?:-[a-z]+)?)[:)]))?/i.exec(
        this.text.slice(this.at, this.at + 80).join(''),
      )!;
    this.at += [...opening].length;
    if (opening === '?#') {
      while (this.at < this.text.length && this.text[this.at++] !== ')');
      return this.nothing();
    }
    const outer = this.ignoreCase;
    if (flags !== undefined)
      this.ignoreCase = /^[a-z]*i/.test(flags) || (outer && !/-.*i/.test(flags));
    // (?i) without a body applies until the end of the enclosing group.
    if (opening.endsWith(')')) return this.nothing();
    const body = this.alternatives();
    this.at++;
    this.ignoreCase = outer;
    // Lookahead and lookbehind consume no characters.
    return /^\?<?[=!]/.test(opening) ? { ...this.nothing(), forks: body.forks } : body;
  }

  private quantified(part: Part): Part {
    let all = part;
    for (;;) {
      const rest = this.text.slice(this.at, this.at + 16).join('');
      const [sign, low, open, high] = /^(?:[*+?]|\{(\d{0,6})(,?)(\d{0,6})\})/.exec(rest) ?? [];
      if (sign === undefined || sign === '{}' || sign === '{,}') return all;
      this.at += sign.length;
      // Lazy and possessive quantifiers match the same texts.
      if (/[?+]/.test(this.text[this.at] ?? '')) this.at++;
      if (sign === '?') all = { ...all, empty: true, forks: this.counted(all.forks + 1) };
      else if (sign === '*' || sign === '+') all = this.loop(all, sign === '*');
      else {
        const bounded = open && high === '' ? Number.POSITIVE_INFINITY : Number(high);
        all = this.times(all, Number(low ?? 0), open ? bounded : Number(low));
      }
    }
  }

  private times(part: Part, low: number, high: number): Part {
    if (high <= 1)
      return low === high ? part : { ...part, empty: true, forks: this.counted(part.forks + 1) };
    if (low !== high || low > MAX_COPIES) return this.loop(part, low === 0);
    // A fixed number of repetitions is a sequence of copies.
    this.requireDeterministic(part);
    let all = part;
    for (let k = 1; k < low; k++) {
      const copy = this.copy(part);
      for (const from of all.last) this.follow(from, copy.first);
      all = {
        ...joined(all, copy),
        first: all.first,
        last: part.empty ? [...all.last, ...copy.last] : copy.last,
      };
    }
    return all;
  }

  private loop(part: Part, empty: boolean): Part {
    for (const from of part.last) this.follow(from, part.first);
    this.requireDeterministic(part);
    return { ...part, empty, forks: this.counted(LOOP_FORKS) };
  }

  /** Requires that each character determines the next position, from everywhere in the part. */
  private requireDeterministic(part: Part): void {
    if (part.empty && part.to > part.from)
      throw new Unproven('repeats what can be empty, which can take forever on a text');
    const ways = [part.first, ...this.next.slice(part.from, part.to)];
    for (const way of ways)
      for (const [i, a] of way.entries())
        for (const b of way.slice(i + 1))
          if (a === b || this.overlaps.between(this.positions[a]!, this.positions[b]!))
            throw new Unproven(
              'repeats a repetition or a choice that can be read in several ways, which can ' +
                'take forever on a text',
            );
  }

  private escape(): Part {
    const c = this.text[this.at++] ?? '';
    const rest = this.text.slice(this.at, this.at + 80).join('');
    if (/[bBAzZG]/.test(c)) return this.nothing();
    if (/[1-9k]/.test(c))
      throw new Unproven('refers back to what it matched, which can take forever on a text');
    const [braces] = (/[pP]/.test(c) && /^\{[^}]*\}/.exec(rest)) || [];
    if (braces) {
      this.at += braces.length;
      return this.position(`\\${c}${braces}`, null);
    }
    if (ESCAPES[c]) return this.position(`[${ESCAPES[c]}]`, null);
    if (c === 'W' || c === 'H') return this.position(`[^${ESCAPES[c.toLowerCase()]}]`, null);
    const [digits, code = digits] =
      (/[xu]/.test(c) && /^(?:\{([0-9a-f]{1,6})\}|[0-9a-f]{4}|[0-9a-f]{2})/i.exec(rest)) || [];
    if (digits) {
      const hex = c === 'x' && !digits.startsWith('{') ? digits.slice(0, 2) : code!;
      this.at += c === 'x' && !digits.startsWith('{') ? 2 : digits.length;
      const value = Number.parseInt(hex, 16);
      return value > 0x10ffff
        ? this.position('[^]', null)
        : this.character(String.fromCodePoint(value));
    }
    return this.character(CONTROLS[c] ?? c);
  }

  /** The character class that begins here, with nested ones, in the syntax of JavaScript. */
  private classSource(): string {
    let source = '[';
    let open = 1;
    while (open > 0) {
      const c = this.text[this.at++];
      if (c === undefined) return '[^]';
      if (c === '\\') {
        const escaped = this.text[this.at++] ?? '';
        source += ESCAPES[escaped] ?? `\\${escaped}`;
        continue;
      }
      if (c === '[') open++;
      else if (c === ']' && !/^\[\^?$/.test(source)) open--;
      source += c;
    }
    return source;
  }

  private character(c: string): Part {
    const source = `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`;
    return this.position(source, this.ignoreCase ? null : c);
  }

  private position(source: string, literal: string | null): Part {
    const index = this.positions.length;
    this.positions.push({ source, literal, flags: this.ignoreCase ? 'iu' : 'u' });
    this.next.push([]);
    return { from: index, to: index + 1, first: [index], last: [index], empty: false, forks: 0 };
  }

  private nothing(): Part {
    const { length } = this.positions;
    return { from: length, to: length, first: [], last: [], empty: true, forks: 0 };
  }

  private copy(part: Part): Part {
    const shift = this.positions.length - part.from;
    for (let k = part.from; k < part.to; k++) {
      this.positions.push(this.positions[k]!);
      this.next.push([]);
    }
    const moved = (all: readonly number[]) => all.map((k) => k + shift);
    for (let k = part.from; k < part.to; k++) {
      const within = this.next[k]!.filter((to) => to >= part.from && to < part.to);
      this.follow(k + shift, moved(within));
    }
    return {
      ...part,
      from: part.from + shift,
      to: part.to + shift,
      first: moved(part.first),
      last: moved(part.last),
    };
  }

  private follow(from: number, to: readonly number[]): void {
    this.edges += to.length;
    if (this.edges > MAX_EDGES) throw new Unproven('is too tangled to be judged');
    this.next[from]!.push(...to);
  }

  private counted(forks: number): number {
    if (forks > MAX_FORKS)
      throw new Unproven(
        'leaves too many choices one after the other, which can take forever on a text',
      );
    return forks;
  }
}

const joined = (a: Part, b: Part): Part => ({
  ...a,
  from: Math.min(a.from, b.from),
  to: Math.max(a.to, b.to),
});

/** Whether two positions can match the same character. */
class Overlaps {
  private readonly known = new Map<string, boolean>();
  private everything = '';

  between(a: Position, b: Position): boolean {
    if (a.literal !== null && b.literal !== null) return a.literal === b.literal;
    const key = `${a.source} ${a.flags} ${b.source} ${b.flags}`;
    const answer = this.known.get(key) ?? this.scan(a, b);
    this.known.set(key, answer);
    return answer;
  }

  private scan(a: Position, b: Position): boolean {
    if (a.source === b.source) return true;
    try {
      if (a.literal !== null) return new RegExp(b.source, b.flags).test(a.literal);
      if (b.literal !== null) return new RegExp(a.source, a.flags).test(b.literal);
      if (this.known.size >= MAX_SCANS) return true;
      // A single expression cannot ignore case in one half only.
      if (a.flags !== b.flags) return true;
      return new RegExp(`(?=${a.source})${b.source}`, a.flags).test(this.everyCharacter());
    } catch {
      // A class that JavaScript does not know.
      return true;
    }
  }

  /** All characters of Unicode except surrogates. */
  private everyCharacter(): string {
    if (this.everything) return this.everything;
    const parts: string[] = [];
    for (let from = 0; from < 0x10000; from += 2048)
      if (from < 0xd800 || from >= 0xe000)
        parts.push(String.fromCharCode(...Uint16Array.from({ length: 2048 }, (_, k) => from + k)));
    const low = String.fromCharCode(...Uint16Array.from({ length: 1024 }, (_, k) => 0xdc00 + k));
    for (let high = 0xd800; high < 0xdc00; high++) {
      const lead = String.fromCharCode(high);
      parts.push(lead + [...low].join(lead));
    }
    this.everything = parts.join('');
    return this.everything;
  }
}
