// In which order sequences are scored, and how many share a run: by length, so that little is
// padded, but never far from the order in which they were given, so that whole rows come early.

import { type Batch, BatchBuilder, type BatchForm, runLength, type TaskSequence } from './batch.ts';

/** What one run may hold. */
export interface RunSize {
  /** Positions that run, N. */
  positions: number;
  /** Tokens of all rows together, B x T. */
  tokens: number;
  /** Rows, B. */
  rows: number;
}

/** Sequences of one row of a task. */
interface Group {
  indices: readonly number[];
  /** Tokens of the longest. */
  length: number;
}

/** Sequences are sorted by length within so many runs. */
const RUNS_SORTED = 16;

export class SequenceQueue {
  private readonly sequences: readonly TaskSequence[];
  private readonly form: BatchForm;
  /** Not taken yet, in the order in which they were given. */
  private waiting: Group[];
  /** Taken and sorted, the longest last, which comes first. */
  private sorted: Group[] = [];

  /** @param open the indices of the sequences that are to be scored */
  constructor(sequences: readonly TaskSequence[], open: readonly number[], form: BatchForm) {
    this.sequences = sequences;
    this.form = form;
    // Rows of several lengths share a run only where it may be padded.
    this.waiting = groupsOf(sequences, open, form, form.padded).reverse();
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.sorted.length === 0;
  }

  /** The next batch; null when there is none. */
  next(size: RunSize): Batch | null {
    if (this.sorted.length === 0) this.sort(size);
    if (this.sorted.length === 0) return null;
    const builder = new BatchBuilder(this.form);
    while (this.sorted.length > 0) {
      const group = this.sorted.at(-1)!;
      const fits = this.fits(builder, group, size);
      if (builder.size > 0 && !fits) break;
      this.sorted.pop();
      if (!fits && group.indices.length > 1) {
        // A row whose choices have no room together: one after the other.
        this.sorted.push(...groupsOf(this.sequences, group.indices, this.form, false).reverse());
        continue;
      }
      for (const index of group.indices) builder.add(index, this.sequences[index]!);
    }
    return builder.build();
  }

  private fits(builder: BatchBuilder, group: Group, size: RunSize): boolean {
    if (!this.form.padded && builder.size > 0 && group.length !== builder.length) return false;
    const rows = builder.rows + group.indices.length;
    return (
      rows <= size.rows &&
      rows * Math.max(builder.length, group.length) <= size.tokens &&
      builder.positions + builder.cost(group.indices.map((k) => this.sequences[k]!)) <=
        size.positions
    );
  }

  private sort({ positions }: RunSize): void {
    let tokens = 0;
    while (this.waiting.length > 0 && tokens < RUNS_SORTED * positions) {
      const group = this.waiting.pop()!;
      this.sorted.push(group);
      tokens += group.length * group.indices.length;
    }
    this.sorted.reverse().sort((a, b) => a.length - b.length);
  }
}

/** @param together choices of one row are one group */
function groupsOf(
  sequences: readonly TaskSequence[],
  open: readonly number[],
  form: BatchForm,
  together: boolean,
): Group[] {
  const groups: number[][] = [];
  let current: number | undefined;
  for (const index of open) {
    const { group } = sequences[index]!;
    const isNext = together && group !== undefined && group === current;
    if (isNext) groups.at(-1)!.push(index);
    else groups.push([index]);
    current = group;
  }
  return groups.map((indices) => ({
    indices,
    length: Math.max(...indices.map((index) => runLength(sequences[index]!, form))),
  }));
}
