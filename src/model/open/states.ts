// The bytes of a block's caches and states.

import { elementBits, type ValueInfo } from '../../onnx/graph.ts';
import type { ModelConfig } from '../structure/config.ts';
import { stateShape } from '../structure/kv.ts';
import type { Block, Structure } from '../structure/structure.ts';

export interface StateBytes {
  kvBytesPerToken: number;
  fixed: { name: string; block: number; bytes: number }[];
}

/**
 * Heads x head size x bytes per element, summed over the caches of a block; symbolic sizes are
 * taken from the config.
 */
export function stateBytes(structure: Structure, block: Block, config: ModelConfig): StateBytes {
  const infos = interfaceOf(structure);
  let kvBytesPerToken = 0;
  const fixed: StateBytes['fixed'] = [];
  for (const state of block.states) {
    const input = infos.get(state.input);
    const bytes = (elementBits(input?.type ?? 0) ?? 32) / 8;
    const { perToken } = stateShape(input, infos.get(state.output));
    const elements = perToken.reduce<number>(
      (n, dim, k) => n * (typeof dim === 'number' ? dim : openDim(k, perToken.length, config)),
      1,
    );
    if (state.kind === 'kv') kvBytesPerToken += elements * bytes;
    else fixed.push({ name: state.input, block: block.index, bytes: elements * bytes });
  }
  return { kvBytesPerToken, fixed };
}

/**
 * The size of a symbolic dimension of a cache: the last is the head size, any other the KV heads.
 */
function openDim(k: number, rank: number, config: ModelConfig): number {
  return (k === rank - 1 ? config.headSize : config.kvHeads) ?? 1;
}

const interfaces = new WeakMap<Structure, Map<string, ValueInfo>>();

function interfaceOf(structure: Structure): Map<string, ValueInfo> {
  let found = interfaces.get(structure);
  if (!found) {
    found = new Map(
      [...structure.graph.inputs, ...structure.graph.outputs].map((v) => [v.name, v]),
    );
    interfaces.set(structure, found);
  }
  return found;
}
