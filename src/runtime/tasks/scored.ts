// The log-likelihoods of a job as they become known, and how they are written down.

import { isJsonObject } from '../../json.ts';
import { formatUnits } from '../../units.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { TaskSequence } from './batch.ts';
import type { LikelihoodVariant } from './variants.ts';

interface Tokens {
  run: number;
  unshared: number;
}

/** The body as it is stored. Its field names are a file format: they do not follow renames. */
interface StoredBody {
  job: string;
  /** By variant and sequence; null: not scored yet. */
  sums: (number | null)[][];
  tokens: Tokens;
}

export class Scored {
  /** By variant and sequence, nats. */
  readonly sums: Float64Array[];
  readonly tokens: Tokens = { run: 0, unshared: 0 };
  private readonly done: Uint8Array[];
  private readonly job: string;

  constructor(variants: readonly LikelihoodVariant[], sequences: readonly TaskSequence[]) {
    this.sums = variants.map(() => new Float64Array(sequences.length).fill(Number.NaN));
    this.done = variants.map(() => new Uint8Array(sequences.length));
    this.job = `${variants.map(inShort).join(' | ')} | ${hashOf(sequences)}`;
  }

  /** Takes what an interrupted run of the same job has scored. */
  resume(body: unknown): void {
    const stored = this.read(body);
    if (!stored) return;
    for (const [variant, sums] of stored.sums.entries())
      for (const [index, sum] of sums.entries()) {
        if (sum === null) continue;
        this.sums[variant]![index] = sum;
        this.done[variant]![index] = 1;
      }
    this.count(stored.tokens);
  }

  /** Indices of the sequences that one of these variants has not scored. */
  open(part: readonly number[]): number[] {
    const [first] = this.done;
    return [...(first ?? []).keys()].filter((index) =>
      part.some((variant) => this.done[variant]![index] === 0),
    );
  }

  /** What is known of a variant. */
  known(variant: number): { indices: number[]; sums: Float64Array } {
    const done = this.done[variant]!;
    const indices = [...done.keys()].filter((index) => done[index] === 1);
    return { indices, sums: Float64Array.from(indices, (index) => this.sums[variant]![index]!) };
  }

  /** @param tokens of one variant */
  add(
    part: readonly number[],
    indices: readonly number[],
    sums: readonly Float64Array[],
    { run, unshared }: Tokens,
  ): void {
    for (const [at, variant] of part.entries())
      for (const [k, index] of indices.entries()) {
        this.sums[variant]![index] = sums[at]![k]!;
        this.done[variant]![index] = 1;
      }
    this.count({ run: run * part.length, unshared: unshared * part.length });
  }

  /** `done` and `total` in sequences of all variants. */
  checkpoint(): Checkpoint {
    const body: StoredBody = {
      job: this.job,
      sums: this.sums.map((sums, variant) =>
        Array.from(sums, (sum, index) => (this.done[variant]![index] === 1 ? sum : null)),
      ),
      tokens: { ...this.tokens },
    };
    const count = (done: Uint8Array): number => done.reduce((sum, one) => sum + one, 0);
    return {
      done: this.done.reduce((sum, done) => sum + count(done), 0),
      total: this.done.reduce((sum, done) => sum + done.length, 0),
      body,
    };
  }

  private count({ run, unshared }: Tokens): void {
    this.tokens.run += run;
    this.tokens.unshared += unshared;
  }

  /** The stored body if it belongs to this job, else null. */
  private read(body: unknown): StoredBody | null {
    if (!isJsonObject(body) || body.job !== this.job || !Array.isArray(body.sums)) return null;
    const { tokens, sums } = body;
    const fits =
      sums.length === this.sums.length &&
      sums.every(
        (row, variant) =>
          Array.isArray(row) &&
          row.length === this.sums[variant]!.length &&
          row.every((sum) => sum === null || typeof sum === 'number'),
      );
    const counted =
      isJsonObject(tokens) && typeof tokens.run === 'number' && typeof tokens.unshared === 'number';
    return fits && counted ? (body as unknown as StoredBody) : null;
  }
}

function inShort({ removed, healing, steps }: LikelihoodVariant): string {
  const made = steps.map((choice) => {
    if (choice.step === 'quantise') return `${choice.dtype} ${choice.quantisation.id}`;
    if (choice.step === 'healing') return `${choice.quantised} ${choice.healing.id}`;
    return JSON.stringify(choice);
  });
  return [formatUnits(removed), healing?.id ?? '', ...made].join(' ');
}

/** FNV-1a over lengths and ids: tells jobs of one session apart. */
function hashOf(sequences: readonly TaskSequence[]): number {
  let hash = 0x811c9dc5;
  const take = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193) >>> 0;
  };
  for (const { ids, predicts } of sequences) {
    take(ids.length);
    take(predicts);
    for (const id of ids) take(id);
  }
  return hash;
}
