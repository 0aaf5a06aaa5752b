// Reads the options of a component of tokenizer.json; what is not known is refused by its name.

import { EspalierError } from '../../errors.ts';
import { brief, type Json } from '../config.ts';

/**
 * An option or component that cannot be computed here. `what` follows "tokenizer.json uses", `why`
 * is the reason.
 */
export function unsupported(what: string, why: string): EspalierError {
  return new EspalierError(
    'tokenizer',
    `tokenizer.json uses ${brief(what)}, which is not supported here: ${brief(why)}.`,
    "Give windows of token ids instead of a text, made with the model's own tokenizer.",
  );
}

/** A component that cannot be read; `problem` completes the sentence. */
export function malformed(part: string, problem: string): EspalierError {
  return new EspalierError(
    'tokenizer',
    `tokenizer.json cannot be used: ${brief(part)} ${brief(problem)}.`,
    'Put the tokenizer.json that came with the model beside it, or give windows of token ids ' +
      'instead of a text.',
  );
}

/**
 * The options of one component, such as `{"type": "Strip", "strip_left": true, ...}`. Each is read
 * once by its name and type; `end()` refuses those that nobody asked for.
 */
export class Options {
  readonly json: Json;
  /** As in "the normalizer Strip". */
  readonly part: string;
  readonly type: string;
  private readonly asked = new Set(['type']);

  /** @throws EspalierError `tokenizer` when the value is no object with a text `type`. */
  constructor(value: unknown, role: string, type?: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw malformed(`its ${role}`, 'is not an object');
    this.json = value as Json;
    const named = type ?? this.json.type;
    if (typeof named !== 'string') throw malformed(`its ${role}`, 'has no type');
    this.type = named;
    this.part = `the ${role} ${named}`.trim();
  }

  raw(name: string): unknown {
    this.asked.add(name);
    return Object.hasOwn(this.json, name) ? this.json[name] : undefined;
  }

  bool(name: string, absent?: boolean): boolean {
    return this.typed(name, 'boolean', 'true or false', absent) as boolean;
  }

  text(name: string, absent?: string): string {
    return this.typed(name, 'string', 'a text', absent) as string;
  }

  /** A text, or null when it is absent or null. */
  optionalText(name: string): string | null {
    const value = this.raw(name);
    return value === undefined || value === null ? null : this.text(name);
  }

  /** One of several texts. */
  choice<T extends string>(name: string, among: readonly T[], absent?: T): T {
    const value = this.text(name, absent);
    if (!(among as readonly string[]).includes(value))
      throw unsupported(
        `the ${name} ${JSON.stringify(value)} in ${this.part}`,
        `known are ${among.join(', ')}`,
      );
    return value as T;
  }

  count(name: string, absent?: number): number {
    const value = this.typed(name, 'number', 'a whole number', absent);
    if (!Number.isSafeInteger(value) || (value as number) < 0)
      throw malformed(this.part, `has a ${name} that is not a whole number`);
    return value as number;
  }

  list(name: string): readonly unknown[] {
    const value = this.raw(name);
    if (!Array.isArray(value)) throw malformed(this.part, `has no list ${name}`);
    return value;
  }

  /** @throws EspalierError `tokenizer` for an option that was not asked for, unless it is off. */
  end(): void {
    for (const [name, value] of Object.entries(this.json))
      if (!this.asked.has(name) && value !== null && value !== false)
        throw unsupported(
          `the option ${name} of ${this.part}`,
          'its effect on the token ids is not known',
        );
  }

  private typed(name: string, type: string, words: string, absent: unknown): unknown {
    const value = this.raw(name);
    if (value === undefined && absent !== undefined) return absent;
    if (typeof value !== type)
      throw malformed(
        this.part,
        value === undefined ? `has no ${name}` : `has a ${name} that is not ${words}`,
      );
    return value;
  }
}
