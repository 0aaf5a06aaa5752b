// How far the scoring of sequences is, in rows of the tasks that they belong to.

import type { Progress } from '../../contract/progress.ts';
import type { TaskSequence } from './batch.ts';

/** Progress is reported at most this often, ms. */
const REPORT_MS = 100;

export class LikelihoodProgress {
  private readonly onProgress: (progress: Progress) => void;
  private readonly heldMs: () => number;
  /** Tokens of the open sequences, by part. */
  private readonly tokens: readonly number[];
  private readonly rows: number;
  /** Tokens of all parts that were known at the start, of all. */
  private readonly known: number;
  private readonly all: number;
  private readonly shares: number[];
  private started: number | null = null;
  private reportedAt = 0;

  /**
   * @param open the sequences that each part has yet to score
   * @param heldMs time that the job was paused so far
   */
  constructor(
    sequences: readonly TaskSequence[],
    open: readonly (readonly number[])[],
    heldMs: () => number,
    onProgress: (progress: Progress) => void,
  ) {
    const length = (index: number): number => sequences[index]!.ids.length;
    const sum = (indices: Iterable<number>): number =>
      [...indices].reduce((total, index) => total + length(index), 0);
    this.tokens = open.map(sum);
    this.all = open.length * sum(sequences.keys());
    this.known = this.all - this.tokens.reduce((a, b) => a + b, 0);
    this.shares = open.map(() => 0);
    this.rows = countRows(sequences);
    this.heldMs = heldMs;
    this.onProgress = onProgress;
  }

  /** Before anything is scored. */
  phase(phase: 'read' | 'compile', done: number, total: number): void {
    const unit = phase === 'read' ? 'bytes' : 'programs';
    this.onProgress({ job: 'tasks', phase, done, total, unit, secondsLeft: null });
  }

  /** @param share of what a part had to score */
  share(part: number, share: number): void {
    const now = performance.now() - this.heldMs();
    this.started ??= now;
    this.shares[part] = share;
    const scored = this.tokens.reduce((sum, tokens, k) => sum + tokens * this.shares[k]!, 0);
    const left = this.all - this.known - scored;
    const isLast = left < 1;
    if (now - this.reportedAt < REPORT_MS && !isLast) return;
    this.reportedAt = now;
    const seconds = (now - this.started) / 1000;
    this.onProgress({
      job: 'tasks',
      phase: 'score',
      done: isLast ? this.rows : Math.floor((this.rows * (this.known + scored)) / this.all),
      total: this.rows,
      unit: 'rows',
      secondsLeft: scored > 0 && seconds > 0 ? (seconds * left) / scored : null,
    });
  }
}

/** Rows of tasks that sequences belong to. */
function countRows(sequences: readonly TaskSequence[]): number {
  let rows = 0;
  let current: number | undefined;
  for (const [k, { group }] of sequences.entries()) {
    if (k === 0 || group === undefined || group !== current) rows += 1;
    current = group;
  }
  return rows;
}
