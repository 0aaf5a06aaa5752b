// Bounds on what counts as a decoder: refused with the number, beyond what any known model has.

import { describe, expect, it } from 'vitest';
import type { Model } from '../../onnx/graph.ts';
import { MAX_BLOCK_NODES, structuralClasses } from '../programs/classes.ts';
import { PLAIN, residualModel } from '../testing/residual.ts';
import { findBlocks } from './blocks.ts';
import { MAX_BLOCKS } from './boundaries.ts';
import { MAX_INTERFACE, pairStates } from './kv.ts';

const decoder = (blocks: number): Model => residualModel({ ...PLAIN, blocks });
const tooLarge = (message: RegExp) =>
  expect.objectContaining({ code: 'too-large', message: expect.stringMatching(message) });

describe('bounds on a decoder', () => {
  it('blocks', () => {
    expect(findBlocks(decoder(MAX_BLOCKS), null).blocks.length).toBe(MAX_BLOCKS);
    expect(() => findBlocks(decoder(MAX_BLOCKS + 1), null)).toThrow(
      tooLarge(/has 513 blocks; Espalier stops at 512/),
    );
  });

  it('inputs to feed and outputs', () => {
    const values = Array.from({ length: MAX_INTERFACE + 1 }, (_, k) => ({
      name: `x${k}`,
      type: 1,
      dims: null,
    }));
    expect(() => pairStates(values, [])).toThrow(
      tooLarge(/has 4097 inputs to feed and 0 outputs; Espalier stops at 4096/),
    );
    expect(() => pairStates([], values)).toThrow(tooLarge(/0 inputs to feed and 4097 outputs/));
    expect(pairStates([], values.slice(1)).size).toBe(0);
  });

  it('constants that every block computes', () => {
    const model = decoder(60);
    const length = Math.ceil(MAX_BLOCK_NODES / 60);
    const chain = Array.from({ length }, (_, k) => ({
      name: '',
      op: 'Neg',
      domain: '',
      inputs: [k === 0 ? 't0' : `c${k}`],
      outputs: [`c${k + 1}`],
      attributes: new Map(),
    }));
    for (const node of model.graph.nodes)
      if (/^u\d/.test(node.outputs[0] ?? '')) node.inputs.push(`c${length}`);
    model.graph.nodes = [...chain, ...model.graph.nodes];
    expect(() => structuralClasses(findBlocks(model, null))).toThrow(
      tooLarge(/more than 250000 nodes together/),
    );
  });
});
