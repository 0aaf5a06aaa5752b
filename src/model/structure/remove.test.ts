// Removal is exact on any residual graph: identity, order, soundness; caches that others read for
// their size; refusals.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../onnx/check.ts';
import { isSorted, sortedNodes } from '../../onnx/sort.ts';
import { plain } from '../../onnx/testing/text.ts';
import { trimGraph } from '../../onnx/trim.ts';
import { PLAIN, type ResidualShape, residualModel } from '../testing/residual.ts';
import { findBlocks } from './blocks.ts';
import { removeUnits } from './remove.ts';

const shapes = fc.record<ResidualShape>({
  blocks: fc.integer({ min: 2, max: 6 }),
  caches: fc.boolean(),
  parallel: fc.boolean(),
  fused: fc.boolean(),
  sizeFrom: fc.integer({ min: -1, max: 5 }),
  casts: fc.boolean(),
  filler: fc.integer({ min: 0, max: 2 }),
  listed: fc.boolean(),
  reversed: fc.boolean(),
});

describe('removeUnits', () => {
  it('finds every block of any residual graph', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const structure = findBlocks(residualModel(shape), shape.blocks);
        expect(structure.blocks.length).toBe(shape.blocks);
        expect(structure.blocks.every((b) => b.unremovable === null)).toBe(true);
        expect(structure.blocks.every((b) => (b.mid === null) === shape.parallel)).toBe(true);
        expect(structure.leaks).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('removes nothing without a change', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const model = residualModel(shape);
        const same = removeUnits(findBlocks(model, null), []);
        expect(plain(same.graph)).toEqual(
          plain(trimGraph({ ...model.graph, nodes: sortedNodes(model.graph) })),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('gives the same graph in one step and in two, sorted and sound', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.array(fc.nat(5), { minLength: 1, maxLength: 5 }),
        fc.nat(4),
        (shape, picks, split) => {
          const all = [...new Set(picks.map((p) => p % shape.blocks))].slice(0, shape.blocks - 1);
          const first = all.slice(0, split % (all.length + 1));
          const second = all.slice(first.length);
          const model = residualModel(shape);
          const before = JSON.stringify(plain(model.graph));
          const structure = findBlocks(model, shape.blocks);
          const atOnce = removeUnits(structure, all);
          const left = structure.blocks.map((b) => b.index).filter((i) => !first.includes(i));
          const half = removeUnits(structure, first);
          const inTwo = removeUnits(
            findBlocks(half, left.length),
            second.map((i) => left.indexOf(i)),
          );
          expect(plain(inTwo.graph)).toEqual(plain(atOnce.graph));
          expect(checkGraph(atOnce.graph)).toEqual([]);
          expect(isSorted(atOnce.graph)).toBe(true);
          expect(findBlocks(atOnce, shape.blocks - all.length).blocks.length).toBe(
            shape.blocks - all.length,
          );
          expect(JSON.stringify(plain(model.graph))).toBe(before);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('renumbers caches and moves readers of a size to a surviving cache', () => {
    const pruned = removeUnits(findBlocks(residualModel(PLAIN), 3), [0]).graph;
    expect(pruned.inputs.map((v) => v.name)).toEqual([
      'input_ids',
      'past_key_values.0.key',
      'past_key_values.0.value',
      'past_key_values.1.key',
      'past_key_values.1.value',
    ]);
    expect(pruned.nodes.find((n) => n.op === 'Shape')?.inputs).toEqual(['past_key_values.0.key']);
    expect(
      pruned.nodes.filter((n) => n.op === 'Concat').map((n) => [n.inputs[0], n.outputs[0]]),
    ).toEqual([
      ['past_key_values.0.key', 'present.0.key'],
      ['past_key_values.0.value', 'present.0.value'],
      ['past_key_values.1.key', 'present.1.key'],
      ['past_key_values.1.value', 'present.1.value'],
    ]);
    expect(pruned.initializers.has('wq0')).toBe(false);
    expect(pruned.initializers.has('wq1')).toBe(true);
  });

  it('keeps the survivor norm with its own gamma when skip norms are fused again', () => {
    const pruned = removeUnits(findBlocks(residualModel({ ...PLAIN, fused: true }), 3), [1]).graph;
    const fused = pruned.nodes.filter((n) => n.op === 'SkipSimplifiedLayerNormalization');
    expect(fused.map((n) => n.inputs[2])).toEqual(['g0f', 'g2a', 'g2f', 'g3z']);
    expect(fused[1]?.inputs.slice(0, 2)).toEqual(['s0f', 'f0']);
  });

  it('leaves out sublayers of blocks through the middle value', () => {
    const structure = findBlocks(residualModel(PLAIN), 3);
    const noAttention = removeUnits(structure, ['1.attn']).graph;
    expect(noAttention.initializers.has('wo1')).toBe(false);
    expect(noAttention.initializers.has('wu1')).toBe(true);
    const noFeedForward = removeUnits(structure, ['1.ffn']).graph;
    expect(noFeedForward.initializers.has('wo1')).toBe(true);
    expect(noFeedForward.initializers.has('wu1')).toBe(false);
    expect(() =>
      removeUnits(findBlocks(residualModel({ ...PLAIN, parallel: true }), 3), ['1.attn']),
    ).toThrow(/block 1 cannot be told apart/);
  });

  it('refuses what makes no sense or cannot be exact', () => {
    const structure = findBlocks(residualModel(PLAIN), 3);
    expect(() => removeUnits(structure, [0, 1, 2])).toThrow(/At least one block must stay/);
    expect(() => removeUnits(structure, [3])).toThrow(
      /There is no block 3; the model has blocks 0 to 2/,
    );
    const model = residualModel(PLAIN);
    model.graph.outputs.push({ name: structure.cuts[2]!, type: 1, dims: null });
    const aux = findBlocks(model, 3);
    expect(aux.blocks.map((b) => b.unremovable !== null)).toEqual([false, true, false]);
    expect(aux.blocks[1]?.unremovable).toContain(structure.cuts[2]);
    expect(() => removeUnits(aux, [1])).toThrow(/graph gives it out/);
    expect(removeUnits(aux, [0, 2]).graph.outputs.length).toBe(4);
  });

  it('names the value of a block that a later block reads too', () => {
    const model = residualModel(PLAIN);
    const last = model.graph.nodes.find((n) => n.outputs[0] === 'f2');
    model.graph.nodes.splice(model.graph.nodes.indexOf(last!), 1);
    model.graph.nodes.splice(-1, 0);
    model.graph.nodes = sortedNodes({
      ...model.graph,
      nodes: [
        ...model.graph.nodes,
        { ...last!, outputs: ['f2x'] },
        {
          name: 'mix',
          op: 'Mul',
          domain: '',
          inputs: ['f2x', 'size0'],
          outputs: ['f2'],
          attributes: new Map(),
        },
        {
          name: 'side',
          op: 'Shape',
          domain: '',
          inputs: ['vs0'],
          outputs: ['size0'],
          attributes: new Map(),
        },
      ],
    });
    const structure = findBlocks(model, 3);
    expect(structure.leaks.map((l) => l.value)).toEqual(['size0']);
    expect(structure.blocks[0]?.unremovable).toBe(
      'The value size0 of block 0 is used by block 2 too.',
    );
    expect(structure.blocks[1]?.unremovable).toBe(null);
  });

  it('takes the lone present outputs of a removed block along', () => {
    const model = residualModel(PLAIN);
    model.graph.inputs = model.graph.inputs.filter((v) => v.name === 'input_ids');
    for (const n of model.graph.nodes)
      n.inputs = n.inputs.map((x) => {
        if (!x.startsWith('past_')) return x;
        return n.op === 'Shape' ? 'input_ids' : n.inputs[1]!;
      });
    const pruned = removeUnits(findBlocks(model, 3), [1]).graph;
    expect(pruned.outputs.map((o) => o.name)).toEqual([
      'present.0.key',
      'present.0.value',
      'present.1.key',
      'present.1.value',
      'logits',
    ]);
    expect(pruned.initializers.has('wk1')).toBe(false);
    expect(pruned.nodes.find((n) => n.outputs[0] === 'present.1.key')?.inputs[0]).toBe('ku2');
  });

  it('keeps blocks whose next states were swapped', () => {
    const model = residualModel({ ...PLAIN, blocks: 4, sizeFrom: -1 });
    const twin = new Map([
      ['present.1.key', 'present.2.key'],
      ['present.2.key', 'present.1.key'],
    ]);
    const swapped = (x: string): string => twin.get(x) ?? x;
    for (const node of model.graph.nodes)
      Object.assign(node, { inputs: node.inputs.map(swapped), outputs: node.outputs.map(swapped) });
    const structure = findBlocks(model, 4);
    expect(structure.blocks.map((b) => b.unremovable !== null)).toEqual([false, true, true, false]);
    expect(structure.blocks[1]?.unremovable).toBe(
      'Block 1 reads the cache past_key_values.1.key, but its next value present.1.key is ' +
        'made by block 2.',
    );
    expect(() => removeUnits(structure, [2])).toThrow(/made by block/);
    expect(checkGraph(removeUnits(structure, [0]).graph)).toEqual([]);
  });
});
