// Gradients and Taylor scores of whole models, held to PyTorch autograd of their checkpoints.

import { describe, expect, it } from 'vitest';
import type { SourceData } from '../../analysis/criteriaTable.ts';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { gradientNorms } from '../testing/gradientNorms.ts';
import { measureTaylor } from './taylor.ts';

/** `definitions` in the file says what each value is. */
interface Row {
  loss: number;
  taylor: number[];
  taylorWithNorms: number[];
  attention: number[];
  feedForward: number[];
  gradNorm: number[];
  source: 'torch' | 'chain';
  tol: number;
  skip?: string;
}

const ROWS = golden<{ fixtures: Record<string, Row> }>('taylor').fixtures;

type Passed = SourceData['taylor'] & { gradNorm: number[] };

/** @param most largest buffer of the device: gradients of larger matrices come in stripes. */
async function pass(name: string, budgetBytes?: number, most?: number): Promise<Passed> {
  const folder = await openFolder(fixturePath(name));
  const opened = await openModel(folder);
  const wasm = await openWasm(nodeLoader);
  const engine: Engine = most ? Object.create(wasm, { maxBufferBytes: { value: most } }) : wasm;
  const session = ScoreSession.open(opened, wasm, { budgetBytes });
  const { gradNorm, onGradient } = gradientNorms();
  const found = await session.alone((model) =>
    measureTaylor({
      ...model,
      engine,
      structure: opened.structure,
      windows: golden(name).windows,
      onProgress: () => {},
      onGradient,
    }),
  );
  await session.dispose();
  expect(wasm.ledger.total()).toBe(0);
  await wasm.dispose();
  await folder.close();
  return { ...found, gradNorm };
}

function expectGolden(name: string, { loss, gradNorm, linear, withNorms }: Passed): void {
  const row = ROWS[name] as Row;
  const near = (found: readonly (number | null)[], wanted: number[], what: string): void => {
    expect(found.length, what).toBe(wanted.length);
    for (const [k, value] of wanted.entries())
      expect(Math.abs((found[k] ?? Number.NaN) / value - 1), `${what} ${k}`).toBeLessThan(row.tol);
  };
  expect(Math.abs(loss - row.loss)).toBeLessThan(row.source === 'chain' ? 1e-4 : 1e-5);
  near(gradNorm, row.gradNorm, 'gradient at boundary');
  near(linear.block, row.taylor, 'block');
  near(withNorms.block, row.taylorWithNorms, 'with norms: block');
  // Where they stand side by side, neither is a sublayer.
  if (linear.attention.includes(null)) return;
  near(linear.attention, row.attention, 'attention of block');
  near(linear.ffn, row.feedForward, 'feed-forward of block');
}

describe('gradients and Taylor scores', () => {
  // The sample has a golden of its own; a graph without embeddings cannot be run from token ids.
  const elsewhere = ['sample--model', 'sample--model_q4', 'genai-llama-fp32-cpu-noemb'];
  const names = Object.keys(ROWS).filter((name) => !ROWS[name]?.skip && !elsewhere.includes(name));
  it.each(names)('of %s are those of the golden', async (name) => {
    expectGolden(name, await pass(name));
  });

  it('are the same streamed, window by window, in stripes of a few rows', async () => {
    const name = 'optimum-llama-fp32';
    expectGolden(name, await pass(name, 560e3, 5000));
  });

  it('are the same in stripes of one run', async () => {
    expectGolden('optimum-llama-fp32', await pass('optimum-llama-fp32', undefined, 5000));
  });
});
