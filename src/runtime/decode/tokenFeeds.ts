// Token ids, mask and positions of M rows as tensors that are allocated once and changed in place.

import type { Tensor } from 'onnxruntime-web';
import { positionDims } from '../../model/programs/program.ts';
import type { Engine } from '../device/engine.ts';
import { count, filled, type HostTensor, numbers } from '../device/host.ts';
import type { GraphIo, TokenInput } from './graphIo.ts';

export type Feeds = Record<string, Tensor>;

/**
 * The feeds of a graph that are no caches. A step of one token per row changes numbers in the
 * tensors of the step before.
 */
export class TokenFeeds {
  private readonly io: GraphIo;
  private readonly engine: Engine;
  private readonly batch: number;
  private readonly masks: Map<string, HostTensor>;
  private readonly steps = new Map<string, { host: HostTensor; tensor: Tensor }>();

  /** @param capacity most tokens of a row. */
  constructor(io: GraphIo, engine: Engine, batch: number, capacity: number) {
    this.io = io;
    this.engine = engine;
    this.batch = batch;
    const masks = io.tokens.filter(({ role }) => role === 'mask');
    this.masks = new Map(
      masks.map(({ name, type }) => [name, filled(type, [batch * capacity], 1)]),
    );
  }

  /**
   * Puts the feeds for `ids` (M, S) into `feeds`; `start` tokens of each row are in the caches.
   * `keep`: logits rows to compute, 0 for all.
   */
  put(feeds: Feeds, ids: ArrayLike<number>, start: number, keep: 0 | 1): void {
    const length = ids.length / this.batch;
    for (const input of this.io.tokens) {
      const { name, type, role } = input;
      const mask = this.masks.get(name);
      if (mask) {
        const dims = [this.batch, start + length];
        feeds[name] = this.engine.wrap({
          type,
          dims,
          data: mask.data.subarray(0, this.batch * (start + length)) as HostTensor['data'],
        });
      } else if (role === 'keep')
        feeds[name] = this.engine.wrap(filled(type, input.rank > 0 ? [1] : [], keep));
      else if (role === 'with-past') {
        const value = start > 0 === (this.io.withPastWhen ?? true) ? 1 : 0;
        feeds[name] = this.engine.wrap(filled(type, input.rank > 0 ? [1] : [], value));
      } else if (role === 'stand-in')
        feeds[name] = this.engine.wrap(standIn(input, this.batch, length, start));
      else if (length === 1 && !this.isEmbedded(input)) feeds[name] = this.step(input, ids, start);
      else feeds[name] = this.engine.wrap(this.fresh(input, ids, length, start));
    }
  }

  /** The tensor (M, 1) of a decode step, changed in place; positions in their own form. */
  private step(
    { name, type, role, form }: TokenInput,
    ids: ArrayLike<number>,
    start: number,
  ): Tensor {
    let entry = this.steps.get(name);
    if (!entry) {
      const host = filled(type, positionDims(form, this.batch, 1), 0);
      entry = { host, tensor: this.engine.wrap(host) };
      this.steps.set(name, entry);
    }
    const { data } = entry.host;
    for (let row = 0; row < data.length; row++) {
      const value = role === 'ids' ? (ids[row] ?? 0) : start;
      if (data instanceof BigInt64Array || data instanceof BigUint64Array)
        data[row] = BigInt(value);
      else data[row] = value;
    }
    return entry.tensor;
  }

  private fresh(
    input: TokenInput,
    ids: ArrayLike<number>,
    length: number,
    start: number,
  ): HostTensor {
    if (this.isEmbedded(input))
      return embeddings(input, this.batch, Array.from(ids), this.io.embeddingSize ?? 0);
    const dims = positionDims(input.form, this.batch, length);
    const values = Array.from({ length: count(dims) }, (_, k) =>
      input.role === 'ids' ? (ids[k] ?? 0) : start + (k % length),
    );
    return numbers(input.type, dims, values);
  }

  private isEmbedded({ role }: TokenInput): boolean {
    return role === 'ids' && this.io.embeddingSize !== null;
  }
}

/**
 * Repeatable numbers in [-1, 1] that differ by place, ones where they are integers; a token has the
 * same ones in whatever run it comes.
 */
function standIn(
  { type, dims = [] }: TokenInput,
  batch: number,
  length: number,
  start: number,
): HostTensor {
  const sizes = dims.map((dim) => {
    if (typeof dim === 'number') return dim;
    return dim === 'batch' ? batch : length;
  });
  const axis = dims.indexOf('sequence');
  const inner = count(sizes.slice(axis + 1));
  const isFloat = type === 'float32' || type === 'float16' || type === 'float64';
  const values = Array.from({ length: count(sizes) }, (_, k) => {
    if (!isFloat) return 1;
    const place = axis < 0 ? k : (start + (Math.floor(k / inner) % length)) * inner + (k % inner);
    const state = (Math.imul((place + 1) * 2654435761, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return numbers(type, sizes, values);
}

/** (M, S, C) repeatable numbers in [-1, 1] that differ by id, in the place of embeddings. */
function embeddings(
  { type }: TokenInput,
  batch: number,
  ids: readonly number[],
  size: number,
): HostTensor {
  const values = ids.flatMap((id) => {
    let state = (id + 1) * 2654435761;
    return Array.from({ length: size }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 31 - 1;
    });
  });
  return numbers(type, [batch, ids.length / batch, size], values);
}
