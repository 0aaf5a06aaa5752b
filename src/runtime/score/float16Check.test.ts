// Wrong float16 numbers are found and named; correct ones pass without a warning.

import { expect, test } from 'vitest';
import { openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { checkFloat16, type Float16Check } from './float16Check.ts';
import { ScoreSession } from './session.ts';

/** The check with a session whose values are changed on their way. */
async function found(
  name: string,
  change: (values: Float32Array) => Float32Array,
  more: Partial<Float16Check> = {},
): Promise<string | null> {
  const folder = await openFolder(fixturePath(name));
  const opened = await openModel(folder);
  const engine = await openWasm(nodeLoader);
  const own = ScoreSession.open(opened, engine);
  const session = {
    programs: own.programs,
    nllPerToken: async (removed: readonly number[], ids: readonly number[]) =>
      change(await own.nllPerToken(removed, ids)),
  };
  const window = golden(name).windows[0] ?? [];
  const result = await checkFloat16({
    opened,
    session,
    window,
    cpu: () => openWasm(nodeLoader),
    ...more,
  });
  await own.dispose();
  await engine.dispose();
  await folder.close();
  return result;
}

test('float16 numbers are compared with float32 sums', async () => {
  const name = 'genai-llama-fp16-webgpu';
  expect(await found(name, (values) => values)).toBeNull();
  expect(await found(name, (values) => values.map((value) => value * 1.002))).toBeNull();
  expect(
    await found(name, (values) => values.map((value, k) => (k === 3 ? value + 9 : value))),
  ).toMatch(/float16 loses .*NLL of 24 tokens: \d+\.\d+ here, \d+\.\d+ with/);
  expect(await found(name, (values) => values.fill(Number.NaN))).toMatch(/float16 overflows/);
});

test('float32 graphs are not compared, and a comparison that fails says so', async () => {
  expect(await found('optimum-llama-fp32', (values) => values.fill(1))).toBeNull();
  const cpu = (): never => {
    throw new Error('no wasm');
  };
  expect(await found('genai-llama-fp16-webgpu', (values) => values, { cpu })).toBe(
    'The float16 numbers were not compared with float32: no wasm',
  );
});
