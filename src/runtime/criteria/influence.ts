// Block Influence and angular distance from the hidden states of the original, added cut by cut as
// they are computed.

import type { HiddenCriteria } from '../../contract/criteria.ts';
import { EspalierError } from '../../errors.ts';
import { isJsonObject } from '../../json.ts';

/** Everything that has been collected so far, as plain data. */
export interface HiddenSnapshot {
  cosines: Float64Array;
  tokens: Float64Array;
  angles: Float64Array[];
  windows: number;
  tracks: [window: number, track: Track][];
}

/** What is held of a window until its pass is over. */
interface Track {
  /** The cut that came last. */
  cut: number;
  /** (S, C) of that cut. */
  states: Float32Array;
  /** Squared norm of each of its S vectors. */
  squares: Float64Array;
  /** The last token's vector, C, at each cut so far. */
  last: Float32Array[];
  lastSquares: number[];
}

/**
 * Collects both criteria from float32 states on the host, in float64. Memory: the states of one cut
 * of the windows under way, and their last tokens at all cuts so far; a window that has reached
 * the last cut is dropped. A vector of zeros has no direction: its cosine with anything counts as
 * 0, so such a block looks like one to keep. One that is not finite gives NaN.
 * @source Men et al., ShortGPT (2024): Block Influence; Gromov et al., The Unreasonable
 *   Ineffectiveness of the Deeper Layers (2024): angular distance
 */
export class HiddenAccumulator {
  private readonly numBlocks: number;
  private readonly hiddenSize: number;
  private readonly tracks = new Map<number, Track>();
  /** Sum of cosines over tokens, and tokens, per block. */
  private readonly cosines: Float64Array;
  private readonly tokens: Float64Array;
  /** [n - 1][l]: sum of angles over windows, in units of pi. */
  private readonly angles: Float64Array[];
  private windows = 0;

  constructor(numBlocks: number, hiddenSize: number) {
    this.numBlocks = numBlocks;
    this.hiddenSize = hiddenSize;
    this.cosines = new Float64Array(numBlocks);
    this.tokens = new Float64Array(numBlocks);
    this.angles = Array.from({ length: numBlocks }, (_, n) => new Float64Array(numBlocks - n));
  }

  /**
   * The residual stream of some windows at a cut: 0 = before block 0, ..., N = after block N - 1.
   * Of each window the cuts come in this order; windows may come in any chunks and groups. A window
   * that comes again at cut 0 starts anew. `states` stays the caller's.
   * @param windowIndices B windows
   * @param length tokens S of each
   * @param states (B, S, C)
   * @throws EspalierError `bug` when a cut of a window was left out or the sizes disagree
   */
  add(cut: number, windowIndices: readonly number[], length: number, states: Float32Array): void {
    const size = length * this.hiddenSize;
    if (states.length !== windowIndices.length * size)
      throw new EspalierError(
        'bug',
        `Cut ${cut} of ${windowIndices.length} windows of ${length} tokens came with ` +
          `${states.length} values instead of ${windowIndices.length * size}.`,
      );
    for (const [row, window] of windowIndices.entries())
      this.addWindow(cut, window, states.slice(row * size, (row + 1) * size));
  }

  /** A copy of what was collected, for `restore`. */
  snapshot(): HiddenSnapshot {
    return {
      cosines: this.cosines.slice(),
      tokens: this.tokens.slice(),
      angles: this.angles.map((sums) => sums.slice()),
      windows: this.windows,
      tracks: [...this.tracks].map(([window, track]) => [
        window,
        { ...track, last: [...track.last], lastSquares: [...track.lastSquares] },
      ]),
    };
  }

  /**
   * Takes over what another accumulator of the same model has collected; false, and unchanged, when
   * its sizes differ.
   */
  restore(saved: HiddenSnapshot): boolean {
    const { numBlocks, hiddenSize } = this;
    const fits =
      saved.cosines.length === numBlocks &&
      saved.tokens.length === numBlocks &&
      saved.angles.length === numBlocks &&
      saved.angles.every((sums, n) => sums.length === numBlocks - n) &&
      saved.tracks.every(
        ([, { cut, states, squares, last, lastSquares }]) =>
          last.length === cut + 1 &&
          lastSquares.length === cut + 1 &&
          states.length === squares.length * hiddenSize &&
          last.every((vector) => vector.length === hiddenSize),
      );
    if (!fits) return false;
    this.cosines.set(saved.cosines);
    this.tokens.set(saved.tokens);
    for (const [n, sums] of saved.angles.entries()) this.angles[n]!.set(sums);
    this.windows = saved.windows;
    this.tracks.clear();
    for (const [window, track] of saved.tracks)
      this.tracks.set(window, {
        ...track,
        last: [...track.last],
        lastSquares: [...track.lastSquares],
      });
    return true;
  }

  /** Windows that have reached the last cut. */
  get finished(): number {
    return this.windows;
  }

  /** True when every window that began has reached the last cut. */
  get complete(): boolean {
    return this.windows > 0 && this.tracks.size === 0;
  }

  /**
   * Means over the tokens and windows seen. @throws EspalierError `bug` before all windows have
   * reached the last cut
   */
  result(): HiddenCriteria {
    if (!this.complete)
      throw new EspalierError(
        'bug',
        `The hidden states of ${this.windows} windows are in, of ${this.tracks.size} more ` +
          'they are not.',
      );
    return {
      blockInfluence: Array.from(this.cosines, (sum, block) => 1 - sum / this.tokens[block]!),
      angular: this.angles.map((sums) => Array.from(sums, (sum) => sum / this.windows)),
    };
  }

  private addWindow(cut: number, window: number, states: Float32Array): void {
    const C = this.hiddenSize;
    const length = states.length / C;
    const before = cut === 0 ? undefined : this.tracks.get(window);
    if (cut > 0 && (before?.cut !== cut - 1 || before.states.length !== states.length))
      throw new EspalierError(
        'bug',
        `Cut ${cut} of window ${window} came without the same tokens at cut ${cut - 1}.`,
      );
    const squares = new Float64Array(length);
    let cosines = 0;
    for (let t = 0; t < length; t++) {
      const square = dot(states, t * C, states, t * C, C);
      squares[t] = square;
      if (before)
        cosines += cosine(dot(before.states, t * C, states, t * C, C), before.squares[t]!, square);
    }
    if (before) {
      this.cosines[cut - 1]! += cosines;
      this.tokens[cut - 1]! += length;
    }
    const track: Track = {
      cut,
      states,
      squares,
      last: before?.last ?? [],
      lastSquares: before?.lastSquares ?? [],
    };
    track.last.push(states.slice((length - 1) * C));
    track.lastSquares.push(squares[length - 1]!);
    this.tracks.set(window, track);
    if (cut === this.numBlocks) this.finish(window, track);
  }

  /** Angles between the last token's vectors of all pairs of cuts. */
  private finish(window: number, { last, lastSquares }: Track): void {
    for (let n = 1; n <= this.numBlocks; n++) {
      const sums = this.angles[n - 1]!;
      for (let l = 0; l < sums.length; l++) {
        const product = dot(last[l]!, 0, last[l + n]!, 0, this.hiddenSize);
        sums[l]! += Math.acos(cosine(product, lastSquares[l]!, lastSquares[l + n]!)) / Math.PI;
      }
    }
    this.windows += 1;
    this.tracks.delete(window);
  }
}

/** True for what `snapshot` returned, also after it was stored. */
export function isHiddenSnapshot(value: unknown): value is HiddenSnapshot {
  const isTrack = (entry: unknown): boolean =>
    Array.isArray(entry) &&
    typeof entry[0] === 'number' &&
    isJsonObject(entry[1]) &&
    typeof entry[1].cut === 'number' &&
    entry[1].states instanceof Float32Array &&
    entry[1].squares instanceof Float64Array &&
    Array.isArray(entry[1].last) &&
    entry[1].last.every((vector) => vector instanceof Float32Array) &&
    Array.isArray(entry[1].lastSquares);
  return (
    isJsonObject(value) &&
    value.cosines instanceof Float64Array &&
    value.tokens instanceof Float64Array &&
    Array.isArray(value.angles) &&
    value.angles.every((sums) => sums instanceof Float64Array) &&
    typeof value.windows === 'number' &&
    Array.isArray(value.tracks) &&
    value.tracks.every(isTrack)
  );
}

/** In float64; four sums, so that additions need not wait for each other. */
function dot(a: Float32Array, from: number, b: Float32Array, start: number, size: number): number {
  let w = 0;
  let x = 0;
  let y = 0;
  let z = 0;
  let i = 0;
  for (; i + 4 <= size; i += 4) {
    w += a[from + i]! * b[start + i]!;
    x += a[from + i + 1]! * b[start + i + 1]!;
    y += a[from + i + 2]! * b[start + i + 2]!;
    z += a[from + i + 3]! * b[start + i + 3]!;
  }
  for (; i < size; i++) w += a[from + i]! * b[start + i]!;
  return w + x + (y + z);
}

/**
 * Cosine from a dot product and squared norms, within [-1, 1]; 0 where there is no direction, NaN
 * where a vector is not finite. Squares of float32 values cannot overflow in float64.
 */
function cosine(product: number, squareA: number, squareB: number): number {
  if (!Number.isFinite(squareA) || !Number.isFinite(squareB)) return Number.NaN;
  const value = product / (Math.sqrt(squareA) * Math.sqrt(squareB));
  return Number.isFinite(value) ? Math.max(-1, Math.min(1, value)) : 0;
}
