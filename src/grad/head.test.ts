// Gradients of the two losses of the head against finite differences and against pieces of a run.

import { describe, expect, it } from 'vitest';
import { openModel } from '../model/open/open.ts';
import type { BoundProgram } from '../model/programs/program.ts';
import { makeScorePrograms } from '../model/programs/programs.ts';
import { openFolder } from '../node/testing/openFolder.ts';
import { fixturePath, golden } from '../testing/fixtures.ts';
import { bind } from './bindable.ts';
import { makeGradientPrograms } from './gradientPrograms.ts';
import { lossHead } from './head.ts';
import { Driver, type Windows } from './testing/driver.ts';

const FIXTURES = ['optimum-llama-fp32', 'genai-gemma2-fp32-cpu'];

async function opened(name: string) {
  const folder = await openFolder(fixturePath(name));
  const model = await openModel(folder);
  const programs = makeScorePrograms(model, { device: 'wasm' });
  const windows = golden(name).windows;
  const [rows, length] = [windows.length, windows[0]?.length ?? 0];
  const predictions = rows * (length - 1);
  const gradients = makeGradientPrograms(model.structure, programs, {
    run: { rows, length },
    predictions,
    accumulate: false,
    kinds: [],
    feedsNibbles: true,
    maxBufferBytes: 2 ** 27,
  });
  const driver = await Driver.open(programs, folder);
  const { states, sides } = await driver.forward(windows);
  const close = async (): Promise<void> => {
    await driver.close();
    await folder.close();
  };
  return { close, programs, gradients, driver, windows, states, sides, predictions, rows, length };
}

/** The output of that kind; of those that are compared the one of that name. */
function named(bound: BoundProgram, kind: string, value?: string): string {
  const found = bound.program.outputs.find(
    ({ target }) => target.kind === kind && (target.kind !== 'compared' || target.value === value),
  );
  return found?.name ?? '';
}

const floats = (tensor: { data: unknown } | undefined): Float32Array =>
  tensor?.data as Float32Array;
const sumOf = (values: Float32Array): number => values.reduce((sum, x) => sum + x, 0);

/** The relative difference of dL/dv along dL/dh from its five-point quotient. */
async function directional(
  h: Float32Array,
  gradient: Float32Array,
  loss: (h: Float32Array) => Promise<number>,
): Promise<number> {
  const norm = (v: Float32Array): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  const size = norm(gradient);
  const step = 4e-3 * norm(h);
  const at = (by: number): Promise<number> =>
    loss(h.map((x, k) => x + (by * step * (gradient[k] ?? 0)) / size));
  const quotient =
    (8 * ((await at(1)) - (await at(-1))) - ((await at(2)) - (await at(-2)))) / (12 * step);
  return Math.abs(quotient / size - 1);
}

describe.each(FIXTURES)('the head of %s', (name) => {
  it('has the gradient of the mean NLL', async () => {
    const t = await opened(name);
    const bound = t.gradients.head({ rows: t.rows, length: t.length });
    const env = { windows: t.windows, sides: t.sides };
    const run = async (h: Float32Array) => {
      const residual = t.driver.state(h, t.states.at(-1)?.dims ?? []);
      return t.driver.run(bound, { ...env, residual });
    };
    const h = floats(t.states.at(-1));
    const gradient = floats((await run(h)).get(named(bound, 'gradient')));
    const nll = named(bound, 'nll');
    const error = await directional(h, gradient, async (moved) => {
      return sumOf(floats((await run(moved)).get(nll))) / t.predictions;
    });
    expect(error).toBeLessThan(1e-3);
    await t.close();
  });

  it('has the gradient of a weighted mean of KL divergence and NLL', async () => {
    const t = await opened(name);
    const dims = t.states.at(-1)?.dims ?? [];
    const weights = Float32Array.from({ length: t.predictions }, (_, k) => ((k * 5) % 7) / 100);
    const lossWeights = t.driver.state(weights, [t.rows, t.length - 1]);
    const residual = t.driver.state(floats(t.states.at(-1)), dims);
    const env = { windows: t.windows, sides: t.sides, residual, lossWeights };
    const share = 0.7;
    const parts = { kl: share, weight: 'fed', parameters: [], limit: 0 } as const;
    const values = {
      ...{ run: { rows: t.rows, length: t.length }, sides: new Map(), past: 0 },
      ...{ stateSize: dims[2] ?? 0, feedsNibbles: true },
    };
    const { compare } = t.programs;
    const bound = bind(lossHead(compare, values, parts), compare);
    const run = async (h: Float32Array) =>
      t.driver.run(bound, { ...env, other: t.driver.state(h, dims) });
    // A plan far from the original: near it the divergence is all curvature.
    const h = floats(t.states.at(1));
    const gradient = floats((await run(h)).get(named(bound, 'gradient')));
    const error = await directional(h, gradient, async (moved) => {
      const found = await run(moved);
      const kl = floats(found.get(named(bound, 'compared', 'kl')));
      const nll = floats(found.get(named(bound, 'nll')));
      return weights.reduce(
        (sum, w, k) => sum + w * (share * (kl[k] ?? 0) + (1 - share) * (nll[k] ?? 0)),
        0,
      );
    });
    expect(error).toBeLessThan(1e-3);
    await t.close();
  });

  it('gives the same gradient in pieces of rows and of positions', async () => {
    const t = await opened(name);
    const env = { sides: t.sides };
    const dims = t.states.at(-1)?.dims ?? [];
    const width = dims[2] ?? 0;
    const h = floats(t.states.at(-1));
    const gradientOf = async (windows: Windows, from: number) => {
      const run = { rows: windows.length, length: windows[0]?.length ?? 0 };
      const bound = t.gradients.head(run);
      const part = h.slice(from, from + run.rows * run.length * width);
      const residual = t.driver.state(part, [run.rows, run.length, width]);
      const found = await t.driver.run(bound, { ...env, windows, residual });
      return floats(found.get(named(bound, 'gradient')));
    };
    const whole = await gradientOf(t.windows, 0);
    const scale = Math.max(...whole.map(Math.abs));
    const difference = (part: Float32Array, from: number): number =>
      Math.max(...part.map((x, k) => Math.abs(x - (whole[from + k] ?? 0)))) / scale;
    const row = await gradientOf([t.windows[1] ?? []], t.length * width);
    expect(difference(row, t.length * width)).toBeLessThan(1e-6);
    expect(t.programs.headByPosition).toBe(true);
    // Predictions 4 .. 9 of the first row; the state after them predicts nothing.
    const stretch = await gradientOf([(t.windows[0] ?? []).slice(4, 11)], 4 * width);
    expect(difference(stretch.slice(0, 6 * width), 4 * width)).toBeLessThan(1e-6);
    expect(Math.max(...stretch.slice(6 * width).map(Math.abs))).toBe(0);
    await t.close();
  });
});
