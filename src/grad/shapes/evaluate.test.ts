// What is known of every value before a run, held to what ONNX Runtime computes over the fixtures.

import { describe, expect, it } from 'vitest';
import { openModel } from '../../model/open/open.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import { programModel } from '../../model/programs/programModel.ts';
import { makeScorePrograms } from '../../model/programs/programs.ts';
import { fitted } from '../../model/programs/widen.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { DataType, type Model, type Node } from '../../onnx/graph.ts';
import { fixturePath, wholeCorpus } from '../../testing/fixtures.ts';
import { heldToRuntime } from '../testing/runtimeShapes.ts';
import { graphOf, nodeOf } from '../testing/smallGraphs.ts';
import { evaluateShapes } from './evaluate.ts';
import { fold } from './fold.ts';
import { inputValues, sideValues } from './programInputs.ts';
import { shaped } from './value.ts';

const RUN = { rows: 2, length: 7 };

async function programsOf(name: string, file: string): Promise<ScorePrograms> {
  const folder = await openFolder(fixturePath(name));
  try {
    return fitted(makeScorePrograms(await openModel(folder, file), { device: 'wasm' }), false);
  } finally {
    await folder.close();
  }
}

// Without an embedding table there are no programs.
const scored = wholeCorpus().filter(
  (row) => row.supported && row.hasLogits && !row.folder.endsWith('noemb'),
);

describe('shapes and contents of every value, and what is left after folding', () => {
  for (const { folder, file } of scored)
    it(`are those of ONNX Runtime: ${folder}`, async () => {
      const held = await heldToRuntime(await programsOf(folder, file), RUN);
      expect(held.faults).toEqual([]);
      expect(held.values).toBeGreaterThan(20);
      expect(held.known).toBeGreaterThan(5);
      // Rows that are chosen by content have no number before the run: of experts written as
      // loops over them, and of the images among the tokens.
      expect(held.refused.filter((reason) => !/NonZero \(\w+\) cannot/.test(reason))).toEqual([]);
    });
});

describe('the block of an optimum export', () => {
  const INTEGER_WORK = ['Shape', 'Gather', 'ConstantOfShape', 'Equal', 'Constant', 'Unsqueeze'];

  it('keeps no integer arithmetic, and its mask is a constant', async () => {
    const programs = await programsOf('optimum-llama-fp32', 'onnx/model.onnx');
    const block = programs.blocks[0] as (typeof programs.blocks)[0];
    const run = { rows: 2, length: 128 };
    const inputs = inputValues(block, run, sideValues(programs, run), programs.stateSize);
    const model = programModel(block.program);
    const values = evaluateShapes(model, inputs);
    const folded = fold(model, values);
    const count = ({ graph }: Model): number =>
      graph.nodes.filter(({ op }) => INTEGER_WORK.includes(op)).length;
    expect(count(model)).toBeGreaterThan(50);
    // What unsqueezes activations stays.
    expect(folded.graph.nodes.filter(({ op }) => op === 'Unsqueeze')).toHaveLength(2);
    expect(count(folded)).toBe(2);
    const masks = [...folded.graph.initializers.values()].filter(({ dims }) => dims.length === 4);
    expect(masks.map(({ type, dims }) => [type, ...dims])).toEqual([
      [DataType.float, 2, 1, 128, 128],
    ]);
    expect(folded.graph.inputs.some(({ type }) => type === DataType.bool)).toBe(false);
  });
});

describe('a graph is refused by operator and node', () => {
  const evaluate = (nodes: readonly Node[]): unknown =>
    evaluateShapes(graphOf(nodes, ['x']), new Map([['x', shaped(DataType.float, [2, 3])]]));

  it('that has no rule', () => {
    expect(() => evaluate([nodeOf('Hardmax', ['x'], ['y'])])).toThrow(
      /^Hardmax \(y\) cannot be differentiated: there is no rule for this operator\.$/,
    );
  });

  it('whose dims depend on content', () => {
    expect(() => evaluate([nodeOf('NonZero', ['x'], ['y'])])).toThrow(
      'its output has dims that depend on what is in "x"',
    );
  });

  it('that cannot take its operands', () => {
    const nodes = [nodeOf('Transpose', ['x'], ['t']), nodeOf('Add', ['x', 't'], ['y'])];
    expect(() => evaluate(nodes)).toThrow(
      /Add \(y\) cannot be differentiated: Add cannot take values of dims \[2, 3\], \[3, 2\]/,
    );
  });
});
