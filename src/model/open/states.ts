// The bytes of a block's caches and states.

import { elementBits, type ValueInfo } from '../../onnx/graph.ts';
import type { ModelConfig } from '../structure/config.ts';
import { stateShape } from '../structure/kv.ts';
import { remembered } from '../structure/remembered.ts';
import type { GraphSizes } from '../structure/sizes.ts';
import type { Block, Structure } from '../structure/structure.ts';

export interface StateBytes {
  /** Null when heads or head size are unknown. */
  kvBytesPerToken: number | null;
  fixed: { name: string; block: number; bytes: number | null }[];
}

/**
 * Heads x head size x bytes per element, summed over the caches of a block; symbolic sizes are
 * what the graph computes, else what the config says.
 */
export function stateBytes(
  structure: Structure,
  block: Block,
  config: ModelConfig,
  sizes: Pick<GraphSizes, 'caches'>,
): StateBytes {
  const infos = interfaceOf(structure);
  let kvBytesPerToken: number | null = 0;
  const fixed: StateBytes['fixed'] = [];
  for (const state of block.states) {
    const input = infos.get(state.input);
    const bytes = (elementBits(input?.type ?? 0) ?? 32) / 8;
    const { perToken } = stateShape(input, infos.get(state.output));
    const cache = sizes.caches.get(state.input);
    const openDim = (isLast: boolean): number | null =>
      isLast ? (cache?.headSize ?? config.headSize) : (cache?.kvHeads ?? config.kvHeads);
    const elements = perToken.reduce<number | null>((n, dim, k) => {
      const size = typeof dim === 'number' ? dim : openDim(k === perToken.length - 1);
      return n === null || size === null ? null : n * size;
    }, 1);
    const total = elements === null ? null : elements * bytes;
    if (state.kind !== 'kv') fixed.push({ name: state.input, block: block.index, bytes: total });
    else if (total === null || kvBytesPerToken === null) kvBytesPerToken = null;
    else kvBytesPerToken += total;
  }
  return { kvBytesPerToken, fixed };
}

const interfaceOf = remembered(
  ({ graph }): Map<string, ValueInfo> =>
    new Map([...graph.inputs, ...graph.outputs].map((value) => [value.name, value])),
);
