// Values of GGUF metadata by key, of the type that is asked for.

import { EspalierError } from '../../../errors.ts';
import { shortName } from '../../../onnx/limits.ts';
import type { GgufMetadata } from '../../../tensors/gguf/metadata.ts';

/** Reads the keys of one architecture: `block_count` is `llama.block_count`. */
export class ArchitectureKeys {
  readonly arch: string;
  private readonly metadata: GgufMetadata;

  constructor(metadata: GgufMetadata, arch: string) {
    this.metadata = metadata;
    this.arch = arch;
  }

  /** The whole key, for messages and lookups. */
  key(name: string): string {
    return name.replace(/^\*\./, `${this.arch}.`);
  }

  has(name: string): boolean {
    return this.metadata.has(this.key(name));
  }

  /**
   * A number, or null where the file has none. A list that says the same for every block is that
   * number. Floats are the shortest decimal that is the same float32.
   * @throws EspalierError `corrupt-file` for another type; `unsupported-graph` for a list whose
   *   blocks differ
   */
  number(name: string): number | null {
    const entry = this.metadata.get(this.key(name));
    if (entry === undefined) return null;
    const values = entry.type === 'array' ? entry.value : [entry.value];
    const [first] = values;
    if ((typeof first !== 'number' && typeof first !== 'bigint') || Number.isNaN(first))
      throw this.wrong(name, 'a number');
    if (entry.type === 'array') this.requireEveryBlock(name, values.length);
    if (values.some((value) => value !== first))
      throw new EspalierError(
        'unsupported-graph',
        `The blocks of this model differ: ${this.key(name)} is ${list(values)}.`,
        'Espalier can open GGUF models whose blocks are all alike in this.',
      );
    const inFloat = (entry.type === 'array' ? entry.of : entry.type) === 'float32';
    return inFloat ? shortestFloat32(Number(first)) : Number(first);
  }

  /** @throws EspalierError `corrupt-file` where the key is missing */
  required(name: string): number {
    const value = this.number(name);
    if (value === null)
      throw new EspalierError(
        'corrupt-file',
        `The metadata lack ${this.key(name)}.`,
        'Convert the model again with a current llama.cpp.',
      );
    return value;
  }

  /** A count of at least one. @throws as `required`, and for other numbers */
  count(name: string): number {
    const value = this.required(name);
    if (!Number.isSafeInteger(value) || value < 1) throw this.wrong(name, 'a number above zero');
    return value;
  }

  text(name: string): string | null {
    const entry = this.metadata.get(this.key(name));
    if (entry === undefined) return null;
    if (entry.type !== 'string') throw this.wrong(name, 'a text');
    return entry.value as string;
  }

  flag(name: string): boolean | null {
    const entry = this.metadata.get(this.key(name));
    if (entry === undefined) return null;
    if (entry.type !== 'bool') throw this.wrong(name, 'true or false');
    return entry.value as boolean;
  }

  /** A list of true and false, or of 1 and 0; null where the file has none, or a number there. */
  flags(name: string): readonly boolean[] | null {
    const entry = this.metadata.get(this.key(name));
    if (entry?.type !== 'array') return null;
    const flags = entry.value.map(Number);
    if (entry.of === 'string' || flags.some((flag) => flag !== 0 && flag !== 1))
      throw this.wrong(name, 'a list of true and false');
    return flags.map(Boolean);
  }

  private requireEveryBlock(name: string, length: number): void {
    if (name === '*.block_count') throw this.wrong(name, 'one number');
    const blocks = this.count('*.block_count');
    if (length !== blocks) throw this.wrong(name, `a list for ${blocks} blocks`);
  }

  wrong(name: string, expected: string): EspalierError {
    const entry = this.metadata.get(this.key(name));
    const shown = entry?.type === 'array' ? list(entry.value) : shortName(String(entry?.value));
    return new EspalierError(
      'corrupt-file',
      `The metadata have ${this.key(name)} = ${shown}, which is not ${expected}.`,
      'Convert the model again with a current llama.cpp.',
    );
  }
}

function list(values: readonly unknown[]): string {
  const shown = values.slice(0, 6).map((value) => shortName(String(value)));
  return `[${shown.join(', ')}${values.length > 6 ? `, ... ${values.length} in all` : ''}]`;
}

/** 9.999999974752427e-7, which is how a float32 reads as a float64, is 1e-6. */
export function shortestFloat32(value: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
