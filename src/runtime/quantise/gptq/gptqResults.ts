// What GPTQ has made so far: matrices in few bits, the programs that read what has become of them,
// and what is written down of it.

import type { Turn } from '../../../analysis/algebra/symmetric.ts';
import { isJsonObject } from '../../../json.ts';
import type { BoundProgram, WeightRef } from '../../../model/programs/program.ts';
import type { ComputedMatrix } from '../../../model/quantise/quantisation.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import type { Ledger } from '../../device/ledger.ts';
import { floatsOfPacked, type GptqForm, type PackedNibbles, packedBytes } from './gptqMatrix.ts';
import type { GptqMatrix, GptqPart } from './gptqParts.ts';

/** The body of a checkpoint. Its field names are a file format: they do not follow renames. */
interface Body {
  /** What it belongs to. */
  line: string;
  parts: number;
  matrices: { tensor: string; weights: Uint8Array; scales: Uint8Array; zeros: Uint8Array }[];
  unseen: string[];
}

/** A matrix as it has become, in a part. */
interface Made {
  part: number;
  matrix: GptqMatrix;
  packed: PackedNibbles;
}

export class GptqResults {
  private readonly parts: readonly GptqPart[];
  private readonly form: GptqForm;
  private readonly ledger: Ledger;
  /** By the first name of the stored tensor. */
  private readonly made = new Map<string, Made>();
  /** Floats of the part that was bound last, by input of its program. */
  private floats: { part: number; refs: Map<string, WeightRef>; free: (() => void)[] } | null =
    null;
  private readonly entries: (() => void)[] = [];
  private done = 0;

  constructor(parts: readonly GptqPart[], form: GptqForm, ledger: Ledger) {
    this.parts = parts;
    this.form = form;
    this.ledger = ledger;
  }

  /** Parts whose matrices are all made. */
  get finished(): number {
    return this.done;
  }

  finish(part: number): void {
    this.done = part + 1;
  }

  add(part: number, matrix: GptqMatrix, packed: PackedNibbles): void {
    const { outputs, inputs } = matrix;
    this.made.set(nameOf(matrix), { part, matrix, packed });
    this.entries.push(this.ledger.add('scratch', packedBytes(outputs, inputs, this.form.block)));
  }

  /** For all places, in the order in which they were made. */
  all(): ComputedMatrix[] {
    return [...this.made.values()].flatMap(({ matrix, packed }) =>
      matrix.places.map(({ tensor, block }) => ({ ...packed, tensor, block })),
    );
  }

  /** The program of a part with the matrices that have been made. */
  async bound(part: number, turn: Turn): Promise<BoundProgram> {
    const { bound, groups, shared } = this.parts[part]!;
    if (this.floats?.part !== part) this.dropFloats();
    this.floats ??= { part, refs: new Map(), free: [] };
    const { refs, free } = this.floats;
    for (const matrix of [...shared, ...groups.flatMap(({ matrices }) => matrices)]) {
      const made = this.made.get(nameOf(matrix));
      if (!made || refs.has(matrix.weight)) continue;
      const data = await floatsOfPacked(made.packed, matrix.order, turn);
      free.push(this.ledger.add('scratch', data.length));
      const ref = bound.weights.get(matrix.weight)!;
      refs.set(matrix.weight, { ...ref, byteLength: data.length, data });
    }
    return { ...bound, weights: new Map([...bound.weights, ...refs]) };
  }

  checkpoint(unseen: readonly string[]): Checkpoint {
    const finished = [...this.made.values()].filter(({ part }) => part < this.done);
    const body: Body = {
      line: this.line(),
      parts: this.done,
      matrices: finished.map(({ matrix, packed: { weights, scales, zeros } }) => {
        return { tensor: nameOf(matrix), weights, scales, zeros };
      }),
      unseen: [...unseen],
    };
    return { done: this.done, total: this.parts.length, body };
  }

  /**
   * Takes over what an interrupted job has made, if it was this one.
   * @returns those of its matrices whose inputs were never seen
   */
  restore(body: unknown): string[] {
    if (!isBody(body) || body.line !== this.line()) return [];
    const saved = new Map(body.matrices.map((one) => [one.tensor, one]));
    const { block } = this.form;
    const found: Made[] = [];
    for (const [part, { groups }] of this.parts.slice(0, body.parts).entries())
      for (const matrix of groups.flatMap(({ matrices }) => matrices)) {
        const { outputs, inputs } = matrix;
        const one = saved.get(nameOf(matrix));
        if (!one) return [];
        const [weights, scales, zeros] = [copy(one.weights), copy(one.scales), copy(one.zeros)];
        const bytes = weights.length + scales.length + zeros.length;
        if (bytes !== packedBytes(outputs, inputs, block)) return [];
        const packed = {
          outputs,
          inputs,
          blockSize: block,
          bits: 4,
          weights,
          scales,
          zeros,
        } as const;
        found.push({ part, matrix, packed });
      }
    for (const { part, matrix, packed } of found) this.add(part, matrix, packed);
    this.done = body.parts;
    return body.unseen;
  }

  release(): void {
    this.dropFloats();
    for (const free of this.entries) free();
  }

  private dropFloats(): void {
    for (const free of this.floats?.free ?? []) free();
    this.floats = null;
  }

  /** Model, plan and matrices, as far as results depend on them; the store's key has the rest. */
  private line(): string {
    const { block, scales } = this.form;
    const parts = this.parts.map(({ unit, groups }) =>
      [unit, ...groups.flatMap(({ matrices }) => matrices.map(nameOf))].join(),
    );
    return [block, scales, ...parts].join(';');
  }
}

/** The first of its names. */
export const nameOf = ({ places }: GptqMatrix): string => places[0].tensor;

const copy = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

function isBody(value: unknown): value is Body {
  if (!isJsonObject(value) || typeof value.line !== 'string') return false;
  const { parts, matrices, unseen } = value;
  return (
    typeof parts === 'number' &&
    Array.isArray(matrices) &&
    matrices.every(
      (one: unknown) =>
        isJsonObject(one) &&
        typeof one.tensor === 'string' &&
        [one.weights, one.scales, one.zeros].every((bytes) => bytes instanceof Uint8Array),
    ) &&
    Array.isArray(unseen) &&
    unseen.every((name) => typeof name === 'string')
  );
}
