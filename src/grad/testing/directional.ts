// Holds the gradient program of a block to differences of the block itself, for tests.

import type * as Ort from 'onnxruntime-web/wasm';
import type { BoundProgram } from '../../model/programs/program.ts';
import type { Driver, Env } from './driver.ts';

/** Numbers that look arbitrary and never change, between -1/2 and 1/2. */
export const noise = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, k) => {
    const x = Math.sin(12.9898 * (k + 1) + 78.233 * seed) * 43758.5453;
    return x - Math.floor(x) - 0.5;
  });

/**
 * Relative difference of the derivative along the gradient: by the gradient program, and by the
 * five-point formula on the block.
 * @param step of the formula, relative to the length of the state.
 */
export async function directionalError(
  driver: Driver,
  block: BoundProgram,
  gradient: BoundProgram,
  env: Env & { residual: Ort.Tensor },
  step: number,
): Promise<number> {
  const { dims } = env.residual;
  const state = env.residual.data as Float32Array;
  const weights = Float32Array.from(noise(state.length, 1));
  const dy = driver.state(weights, dims);
  const found = await driver.run(gradient, { ...env, gradient: dy });
  const { name = '' } =
    gradient.program.outputs.find(({ target }) => target.kind === 'gradient') ?? {};
  const dx = found.get(name)?.data as Float32Array;
  const length = (v: Float32Array): number => Math.hypot(...v);
  const e = length(state) * step;
  const loss = async (by: number): Promise<number> => {
    const x = state.map((v, k) => v + (by * (dx[k] as number)) / length(dx));
    const results = await driver.run(block, { ...env, residual: driver.state(x, dims) });
    const y = [...results.values()][0] as Ort.Tensor;
    const data = y.data as Float32Array;
    return data.reduce((sum, v, k) => sum + v * (weights[k] as number), 0);
  };
  const near = (await loss(e / 2)) - (await loss(-e / 2));
  const far = (await loss(e)) - (await loss(-e));
  return Math.abs((8 * near - far) / (6 * e) / length(dx) - 1);
}
