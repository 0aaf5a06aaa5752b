// Sequences of tokens put together for one run: rows that begin alike share positions.

import { EspalierError } from '../../errors.ts';
import type { Chunk } from '../weights/windows.ts';

/** Tokens of which the last ones are predicted. */
export interface TaskSequence {
  /** Token ids, (S), S >= 2. */
  ids: readonly number[];
  /** How many of its last tokens are predicted, 1 to S - 1. */
  predicts: number;
  /**
   * Sequences that follow each other with the same group belong to one row of a task, and go
   * through the model together. By default each is a group of its own.
   */
  group?: number | undefined;
}

/** A predicted token. */
export interface Prediction {
  /** Index of its sequence. */
  sequence: number;
  /** The position that predicts it; where nothing is shared, the token counted through all rows. */
  position: number;
  target: number;
}

/** B rows of T tokens that go through the blocks together, N distinct positions. */
export interface Batch {
  /** Indices of its sequences. */
  sequences: readonly number[];
  /** The rows, padded on the right. */
  chunk: Chunk;
  /** N */
  positions: number;
  /** (B, T): the position of each token. */
  rows: readonly number[];
  /** (1, N): a token that stands for each position, counted through all rows. */
  nodes: readonly number[];
  predictions: readonly Prediction[];
}

/** How sequences share a run. */
export interface BatchForm {
  /** Prefixes that are equal run once. */
  shared: boolean;
  /** Rows of several lengths share a run, padded to the longest. */
  padded: boolean;
  /**
   * The last token of a sequence, which is predicted and predicts nothing, runs too: for heads that
   * take whole rows.
   */
  whole: boolean;
}

/** Padding, which no token of its row sees: what is on its left never depends on it. */
const PADDING = 0;

/** A position: the token that leads to it from the one before. */
interface TrieNode {
  position: number;
  next: Map<number, TrieNode>;
}

interface Added {
  index: number;
  sequence: TaskSequence;
  path: readonly TrieNode[];
}

/** Collects the sequences of one batch, and knows its size while they come. */
export class BatchBuilder {
  /** N so far. */
  positions = 0;
  /** Tokens of the longest row so far. */
  length = 0;
  /** Rows so far: never fewer than there will be. */
  rows = 0;
  private readonly form: BatchForm;
  private readonly root: Map<number, TrieNode> = new Map();
  private readonly added: Added[] = [];

  constructor(form: BatchForm) {
    this.form = form;
  }

  get size(): number {
    return this.added.length;
  }

  /** Positions that these sequences would add. */
  cost(sequences: readonly TaskSequence[]): number {
    if (!this.form.shared)
      return sequences.reduce((sum, sequence) => sum + runLength(sequence, this.form), 0);
    const trial = new BatchBuilder(this.form);
    sequences.forEach((sequence, k) => void trial.add(k, sequence));
    return trial.positions - overlap(this.root, trial.root);
  }

  add(index: number, sequence: TaskSequence): void {
    const { ids } = sequence;
    const length = runLength(sequence, this.form);
    let level = this.form.shared ? this.root : new Map<number, TrieNode>();
    const path: TrieNode[] = [];
    for (let k = 0; k < length; k++) {
      const id = ids[k]!;
      let node = level.get(id);
      if (!node) {
        node = { position: this.positions++, next: new Map() };
        level.set(id, node);
      }
      path.push(node);
      level = node.next;
    }
    this.added.push({ index, sequence, path });
    this.length = Math.max(this.length, length);
    this.rows += 1;
  }

  build(): Batch {
    const { length } = this;
    const rows = this.form.shared ? this.leaves() : this.added;
    const ids = new Array<number>(rows.length * length).fill(PADDING);
    const of = new Array<number>(rows.length * length).fill(0);
    const nodes = new Array<number>(this.positions).fill(-1);
    for (const [row, { sequence, path }] of rows.entries())
      for (const [k, { position }] of path.entries()) {
        const at = row * length + k;
        ids[at] = sequence.ids[k]!;
        of[at] = position;
        if (nodes[position]! < 0) nodes[position] = at;
      }
    return {
      sequences: this.added.map(({ index }) => index),
      chunk: { windows: [...rows.keys()], rows: rows.length, length, ids },
      positions: this.positions,
      rows: of,
      nodes,
      predictions: this.added.flatMap((added, row) => this.predictions(added, row)),
    };
  }

  /** A path that goes on in another one needs no row of its own, nor does a second equal one. */
  private leaves(): Added[] {
    const ends = new Set<TrieNode>();
    return this.added.filter(({ path }) => {
      const end = path.at(-1)!;
      if (end.next.size > 0 || ends.has(end)) return false;
      ends.add(end);
      return true;
    });
  }

  private predictions({ index, sequence, path }: Added, row: number): Prediction[] {
    const { ids, predicts } = sequence;
    return Array.from({ length: predicts }, (_, k) => {
      const at = ids.length - predicts + k;
      const position = this.form.shared ? path[at - 1]!.position : row * this.length + at - 1;
      return { sequence: index, position, target: ids[at]! };
    });
  }
}

/** Tokens of a sequence that run. */
export const runLength = ({ ids }: TaskSequence, { whole }: Pick<BatchForm, 'whole'>): number =>
  ids.length - (whole ? 0 : 1);

/** Nodes that two tries share. */
function overlap(a: ReadonlyMap<number, TrieNode>, b: ReadonlyMap<number, TrieNode>): number {
  let count = 0;
  const stack: [ReadonlyMap<number, TrieNode>, ReadonlyMap<number, TrieNode>][] = [[a, b]];
  for (let pair = stack.pop(); pair; pair = stack.pop())
    for (const [id, node] of pair[1]) {
      const other = pair[0].get(id);
      if (!other) continue;
      count += 1;
      stack.push([other.next, node.next]);
    }
  return count;
}

/**
 * @throws EspalierError `bad-input` for a sequence that predicts nothing or more than it has, and
 *   for an id outside of the vocabulary
 */
export function requireSequences(sequences: readonly TaskSequence[], vocabSize: number): void {
  for (const [k, { ids, predicts }] of sequences.entries()) {
    if (ids.length < 2 || !Number.isInteger(predicts) || predicts < 1 || predicts >= ids.length)
      throw new EspalierError(
        'bad-input',
        `Sequence ${k} has ${ids.length} tokens, of which ${predicts} cannot be predicted.`,
        'Give at least one token in front of those that are predicted.',
      );
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (wrong !== undefined)
      throw new EspalierError(
        'bad-input',
        `Sequence ${k} holds the token id ${wrong}, but the vocabulary ends at ${vocabSize - 1}.`,
        'Check that the ids were made with the tokenizer of this model.',
      );
  }
}
