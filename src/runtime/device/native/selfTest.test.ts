// The self-test of the native CPU device, and which graphs it keeps away from it. Faults are put
// in.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openModel } from '../../../model/open/open.ts';
import { openFolder } from '../../../node/testing/openFolder.ts';
import { fixturePath } from '../../../testing/fixtures.ts';
import { openVariantDevice } from '../../decode/variantDevice.ts';
import { openRouted } from '../../score/route.ts';
import { HAS_NATIVE } from '../../testing/cpuDevices.ts';
import { createNodeLoader, nodeLoader } from '../ort.node.ts';
import { nativeObstacle, openNative } from './engine.ts';
import { nativeGap, runNativeTest } from './selfTest.ts';

const graphOf = async (name: string) =>
  (await openModel(await openFolder(fixturePath(name)))).structure.model.graph;

test('without the package there is a reason, in words', async () => {
  const missing = { ...createNodeLoader(), native: () => Promise.reject(new Error('not found')) };
  expect(await nativeObstacle(missing)).toContain('onnxruntime-node');
  await expect(openNative(missing)).rejects.toMatchObject({ code: 'bad-input' });
  const { native: _, ...browser } = createNodeLoader();
  expect(await nativeObstacle(browser)).toContain('onnxruntime-node');
});

test.runIf(HAS_NATIVE)(
  'names its threads, one for each core or as many as are asked for',
  async () => {
    const engine = await openNative(createNodeLoader({ threads: 3 }));
    expect(engine.name).toBe('CPU (native, 3 threads)');
    await engine.dispose();
  },
);

test.runIf(HAS_NATIVE)('native ONNX Runtime keeps no record of what it runs', () => {
  const home = mkdtempSync(join(tmpdir(), 'espalier-telemetry-'));
  // As for a user: ONNX Runtime is silent by itself where it takes a run for a test.
  const { CI: _, ORT_DISABLE_TELEMETRY: __, ...env } = process.env;
  const loader = join(import.meta.dirname, '../ort.node.ts');
  const code = `import { createNodeLoader } from ${JSON.stringify(loader)};
    import { openNative } from ${JSON.stringify(join(import.meta.dirname, 'engine.ts'))};
    import { productProbe } from ${JSON.stringify(join(import.meta.dirname, '../probes.ts'))};
    const engine = await openNative(createNodeLoader());
    await engine.compile(productProbe().program);
    await engine.dispose();
    console.log('compiled');`;
  try {
    const words = ['--import', 'tsx', '--input-type=module', '--eval', code];
    const said = execFileSync(process.execPath, words, {
      env: { ...env, HOME: home, TMPDIR: home, XDG_CACHE_HOME: home },
    });
    expect(String(said)).toContain('compiled');
    const written = readdirSync(home, { recursive: true }).map(String);
    expect(written.filter((path) => !path.startsWith('tsx-'))).toEqual([]);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test.runIf(HAS_NATIVE)('everything but fed 4-bit integers agrees with wasm', async () => {
  const { passed, checks } = await runNativeTest(nodeLoader);
  expect(passed).toBe(true);
  expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['4-bit input']);
});

test.runIf(HAS_NATIVE)('what fails keeps the graphs that have it away, and no others', async () => {
  const failing = async (wanted: string) => {
    const tamper = (check: string, values: Float32Array): void => {
      if (check === wanted) values[0] = (values[0] ?? 0) + 1;
    };
    return runNativeTest(nodeLoader, { tamper });
  };
  const [llama, gemma2, int4, optimum] = await Promise.all([
    graphOf('genai-llama-fp32-webgpu'),
    graphOf('genai-gemma2-fp32-cpu'),
    graphOf('genai-llama-int4-webgpu'),
    graphOf('optimum-llama-fp32'),
  ]);
  const softcap = await failing('soft cap');
  expect(softcap.passed).toBe(true);
  expect(nativeGap(softcap, gemma2, 'fed')).toContain('GroupQueryAttention with a soft cap');
  expect(nativeGap(softcap, llama, 'fed')).toBeNull();
  const attention = await failing('attention');
  expect(nativeGap(attention, llama, 'inside')).toMatch(/GroupQueryAttention is wrong by 1\.0/);
  expect(nativeGap(attention, optimum, 'inside')).toBeNull();
  const quantised = await failing('4-bit product, float16, accuracy level 4');
  expect(nativeGap(quantised, int4, 'inside')).toContain('MatMulNBits in float16');
  // Scoring runs it at level 0.
  expect(nativeGap(quantised, int4, 'fed')).toBeNull();
  expect(nativeGap(quantised, llama, 'inside')).toBeNull();
  const product = await failing('product');
  expect(product.passed).toBe(false);
  expect(nativeGap(product, optimum, 'inside')).toContain('MatMul');
});

test.runIf(HAS_NATIVE)(
  'weights of 4-bit integers are scored on wasm, and decoded natively',
  async () => {
    const opened = await openModel(await openFolder(fixturePath('split-smolvlm-q4')));
    const { engine, session, notes } = await openRouted(
      opened,
      nodeLoader,
      'cpu',
      async () => null,
    );
    expect(engine.kind).toBe('wasm');
    expect(notes).toEqual([
      expect.stringMatching(
        /^On native ONNX Runtime \w+ with an input of 4-bit integers .* runs on the CPU \(wasm\)/,
      ),
    ]);
    await session.dispose();
    await engine.dispose();
    const chosen = await openVariantDevice(opened, { device: 'cpu', selfTest: null }, nodeLoader);
    expect(chosen.engine.kind).toBe('cpu');
    expect(chosen.notes).toEqual([]);
    await chosen.engine.dispose();
  },
);
