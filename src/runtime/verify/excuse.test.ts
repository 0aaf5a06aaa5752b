// What cannot be fed, run or read here is unverified, not failed.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { EspalierError } from '../../errors.ts';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { dtypeSteps } from '../../model/export/steps.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import type { Graph } from '../../onnx/graph.ts';
import { caseExpect, casePath, fixturePath, golden } from '../../testing/fixtures.ts';
import type { Unit } from '../../units.ts';
import type { Engine } from '../device/engine.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { withGraph } from './testing/changedFolder.ts';
import { type VerifyOptions, verifyExport } from './verify.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

const open = async (path: string): Promise<OpenedModel> => openModel(await openFolder(path));
const llama = (): Promise<OpenedModel> => open(fixturePath('optimum-llama-fp32'));
const window = golden('optimum-llama-fp32').windows[0] ?? [];

/** The model with its graph edited. */
async function edited(opened: OpenedModel, edit: (graph: Graph) => void): Promise<OpenedModel> {
  const folder = await withGraph(opened.folder, opened.graphPath, edit);
  return openModel(folder, opened.graphPath);
}

async function verified(
  opened: OpenedModel,
  removed: Unit[],
  { device = engine, steps = [], ...options }: VerifyOptions & Partial<Setting> = {},
) {
  const manifest = await exportManifest(opened, removed, { app: 'test', steps });
  const numBlocks = opened.structure.blocks.length - removed.length;
  const source = { opened, removed };
  const expected = { window, nll: null, numBlocks, source, steps };
  const folder = manifestFolder(manifest, opened.folder);
  const found = await verifyExport(folder, manifest.graph, expected, device, options);
  const wrong = found.checks.filter(({ ok }) => !ok);
  return { status: found.status, names: wrong.map(({ name }) => name), why: wrong[0]?.detail };
}

interface Setting {
  device: Engine;
  steps: ReturnType<typeof dtypeSteps>;
}

test('a model in bfloat16, which nothing here can feed', async () => {
  const { right } = caseExpect<{ right: { 'verification.status': string } }>('bfloat16-prune');
  const found = await verified(await open(casePath('bfloat16-prune/model')), [1, 3]);
  expect(found.status).toBe(right['verification.status']);
  expect(found.why).toBe(
    'this device cannot run the original either: The value "past_key_values.0.key" has the ' +
      'element type bfloat16, which cannot be fed.',
  );
});

test('an attribute without a kernel on this device', async () => {
  const opened = await edited(await open(fixturePath('genai-lfm2-fp32-cpu')), ({ nodes }) => {
    for (const node of nodes)
      if (node.op === 'CausalConvWithState')
        node.attributes.set('state_window', { name: 'state_window', kind: 'int', value: 4 });
  });
  expect(opened.summary.canScore).toBe(false);
  expect(opened.summary.problems).toMatchObject([{ code: 'no-kernel' }]);
  const found = await verified(opened, [1]);
  expect([found.status, ...found.names]).toEqual(['unverified', 'runs whole']);
  expect(found.why).toMatch(/no kernel for CausalConvWithState with state_window 4 .* on the CPU/);
});

test('a source that decodes differently with its cache, as its export does', async () => {
  const gemma = await open(fixturePath('genai-gemma2-fp32-cpu'));
  const opened = await edited(gemma, ({ nodes, outputs }) => {
    const [a = '', b = ''] = outputs.flatMap(({ name }) => (/value/.test(name) ? [name] : []));
    const swap = new Map([
      [a, b],
      [b, a],
    ]);
    const other = (values: readonly string[]) => values.map((value) => swap.get(value) ?? value);
    for (const node of nodes) {
      node.outputs = other(node.outputs);
      node.inputs = other(node.inputs);
    }
  });
  const found = await verified(opened, [3]);
  expect([found.status, ...found.names]).toEqual(['unverified', 'decoding with the cache']);
  expect(found.why).toMatch(/^the original differs in the same way \(8 steps/);
});

test('a source that cannot be read any more', async () => {
  const opened = await llama();
  const { folder } = opened;
  let reads = true;
  const fading: OpenedModel = {
    ...opened,
    folder: {
      ...folder,
      open: (path) => {
        const source = folder.open(path);
        return (
          source && {
            size: source.size,
            read: async (offset, length) => {
              if (reads) return source.read(offset, length);
              throw new EspalierError('missing-file', 'The file is not there any more.');
            },
          }
        );
      },
    },
  };
  const manifest = await exportManifest(opened, [1], { app: 'test' });
  const written = manifestFolder(manifest, folder);
  reads = false;
  const numBlocks = opened.structure.blocks.length - 1;
  const source = { opened: fading, removed: [1] };
  const expected = { window, nll: null, numBlocks, source };
  const found = await verifyExport(written, manifest.graph, expected, engine);
  expect(found.status).toBe('unverified');
  expect(found.checks.find(({ ok }) => !ok)?.detail).toBe(
    'the source cannot be read any more: The file is not there any more.',
  );
});

test('an operator that fails here while its original is too large to be tried', async () => {
  const failing = (code: 'unsupported-op' | 'missing-file'): Engine =>
    Object.create(engine, {
      compileModel: {
        value: () => Promise.reject(new EspalierError(code, 'No.', '', 'no kernel for Foo')),
      },
    });
  const opened = await llama();
  const bytes = opened.folder.files.reduce((sum, { size }) => sum + size, 0);
  const budgetBytes = Math.round(1.85 * bytes);
  const device = failing('unsupported-op');
  const found = await verified(opened, [1, 2], { device, budgetBytes });
  expect([found.status, ...found.names]).toEqual(['unverified', 'loads']);
  expect(found.why).toMatch(/^the original, which may fail likewise, is too large/);
  const missing = await verified(opened, [1, 2], { device: failing('missing-file'), budgetBytes });
  expect(missing.status).toBe('failed');
});

test('types that a step of the export made and that have no kernel here', async () => {
  const opened = await llama();
  const message = 'Could not find an implementation for Foo(1) node';
  let compiled = 0;
  const device: Engine = Object.create(engine, {
    compileModel: {
      value: (...given: Parameters<Engine['compileModel']>) =>
        compiled++ === 0
          ? Promise.reject(new EspalierError('unsupported-op', 'No.', '', message))
          : engine.compileModel(...given),
    },
  });
  const found = await verified(opened, [1], { device, steps: dtypeSteps('fp16') });
  expect([found.status, ...found.names]).toEqual(['unverified', 'loads']);
  compiled = 0;
  expect((await verified(opened, [1], { device })).status).toBe('failed');
});
