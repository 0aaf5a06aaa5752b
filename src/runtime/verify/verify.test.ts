// Exports are verified on the real runtime, and damaged ones are caught; reads only committed
// fixtures.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Progress } from '../../contract/progress.ts';
import type { Verification } from '../../contract/verify.ts';
import { EspalierError } from '../../errors.ts';
import { manifestFolder } from '../../model/export/folder.ts';
import { exportManifest } from '../../model/export/manifest.ts';
import { dtypeSteps } from '../../model/export/steps.ts';
import { type OpenedModel, openModel } from '../../model/open/open.ts';
import { openFolder } from '../../node/testing/openFolder.ts';
import type { Graph } from '../../onnx/graph.ts';
import type { Folder } from '../../onnx/source.ts';
import { fixturePath, golden } from '../../testing/fixtures.ts';
import { GraphRunner } from '../decode/likelihood.ts';
import { deviceAdvice, deviceObstacle } from '../decode/runnable.ts';
import type { Engine } from '../device/engine.ts';
import { deviceLost } from '../device/fault.ts';
import { nodeLoader } from '../device/ort.node.ts';
import { openWasm } from '../device/wasmEngine.ts';
import { ScoreSession } from '../score/session.ts';
import { withFile, withGraph } from './testing/changedFolder.ts';
import { type Expectation, verifyExport } from './verify.ts';

const REMOVED = [2];

interface Case {
  source: OpenedModel;
  folder: Folder;
  graph: string;
  expected: Expectation;
}

let engine: Engine;

beforeAll(async () => {
  engine = await openWasm(nodeLoader);
});
afterAll(() => engine.dispose());

async function exportOf(name: string): Promise<Case> {
  const source = await openModel(await openFolder(fixturePath(name)));
  const manifest = await exportManifest(source, REMOVED, { app: 'test' });
  const window = golden(name).windows[0] ?? [];
  const session = ScoreSession.open(source, engine);
  const nll = await session.nllPerToken(REMOVED, window);
  await session.dispose();
  const expected: Expectation = {
    window,
    nll,
    numBlocks: source.structure.blocks.length - 1,
    source: null,
  };
  return {
    source,
    folder: manifestFolder(manifest, source.folder),
    graph: manifest.graph,
    expected,
  };
}

const failed = (verification: Verification): string[] =>
  verification.checks.filter((check) => !check.ok).map((check) => check.name);

function rewire(graph: Graph, swap: ReadonlyMap<string, string>): void {
  for (const node of graph.nodes)
    node.inputs = node.inputs.map((value) => swap.get(value) ?? value);
}

test('what no kernel here runs is unverified if the original has it too, else failed', async () => {
  const { source, folder, graph, expected } = await exportOf('optimum-llama-fp32');
  const unknownOperator = (to: Graph): void => {
    for (const node of to.nodes) if (node.op === 'Sigmoid') node.domain = 'com.microsoft';
  };
  const damaged = await withGraph(folder, graph, unknownOperator);
  const nowhere = { ...expected, source: { opened: source, removed: REMOVED } };
  const wrong = await verifyExport(damaged, graph, { ...expected, nll: null }, engine);
  expect([wrong.status, failed(wrong)]).toEqual(['failed', ['loads']]);
  expect((await verifyExport(damaged, graph, nowhere, engine)).status).toBe('failed');

  const opened = await openModel(damaged, graph);
  const numBlocks = expected.numBlocks - 1;
  for (const steps of [[], dtypeSteps('fp16')]) {
    const manifest = await exportManifest(opened, REMOVED, { app: 'test', steps });
    const { status, checks } = await verifyExport(
      manifestFolder(manifest, opened.folder),
      manifest.graph,
      { ...expected, numBlocks, source: { opened, removed: REMOVED }, steps },
      engine,
    );
    const last = checks.at(-1);
    expect([status, last?.name]).toEqual(['unverified', 'loads']);
    expect(last?.detail).toMatch(/^this device cannot run the original either: .*Sigmoid/);
  }
});

test('graphs whose own bytes a device would run wrongly are refused there, in words', async () => {
  const open = async (name: string) => openModel(await openFolder(fixturePath(name)));
  const [headNorms, softcap, plain] = [
    await open('genai-qwen3-fp32-webgpu'),
    await open('genai-gemma2-fp32-cpu'),
    await open('optimum-llama-fp32'),
  ];
  expect(deviceObstacle('wasm', headNorms)).toMatch(/no CPU kernel/);
  expect(deviceObstacle('webgpu', headNorms)).toBeNull();
  expect(deviceObstacle('webgpu', softcap)).toMatch(/soft cap/);
  expect(deviceObstacle('wasm', softcap)).toBeNull();
  expect(deviceAdvice('wasm', headNorms)).toBe('Use the other device.');
  const { model } = headNorms.structure;
  const nodes = [headNorms, softcap].flatMap(({ structure }) => structure.model.graph.nodes);
  const neither = { ...model, graph: { ...model.graph, nodes } };
  expect(
    deviceAdvice('wasm', { ...headNorms, structure: { ...headNorms.structure, model: neither } }),
  ).toMatch(/^The other device cannot either/);
  expect([deviceObstacle('wasm', plain), deviceObstacle('webgpu', plain)]).toEqual([null, null]);
  await expect(GraphRunner.open(headNorms, engine)).rejects.toMatchObject({
    code: 'unsupported-op',
  });
});

describe.each(['optimum-llama-fp32', 'genai-gemma2-fp32-cpu', 'genai-llama-fp32-cpu-prunehead'])(
  'export of %s',
  (name) => {
    let made: Case;
    beforeAll(async () => {
      made = await exportOf(name);
    });

    test('is verified, with and without the source', async () => {
      const { source, folder, graph, expected } = made;
      const withSource = await verifyExport(
        folder,
        graph,
        { ...expected, source: { opened: source, removed: REMOVED } },
        engine,
      );
      expect(failed(withSource)).toEqual([]);
      expect(withSource.status).toBe('verified');
      expect(withSource.checks.map((check) => check.name)).toContain('bytes of every tensor');
      const without = await verifyExport(folder, graph, expected, engine);
      expect(without.status).toBe('verified');
    });

    test('with two caches swapped fails', async () => {
      const { folder, graph, expected } = made;
      const swapped = await withGraph(folder, graph, (g) => {
        const keys = g.inputs.map((input) => input.name).filter((input) => input.includes('.key'));
        const [a, b] = [keys[0] ?? '', keys[1] ?? ''];
        rewire(
          g,
          new Map([
            [a, b],
            [b, a],
          ]),
        );
      });
      const verification = await verifyExport(swapped, graph, expected, engine);
      expect(verification.status).toBe('failed');
      expect(failed(verification).length).toBeGreaterThan(0);
    });

    test('with two value outputs swapped fails in decoding', async () => {
      const { folder, graph, expected } = made;
      const swapped = await withGraph(folder, graph, (g) => {
        const values = g.outputs
          .map((output) => output.name)
          .filter((output) => output.includes('.value'));
        const [a, b] = [values[0] ?? '', values[1] ?? ''];
        const swap = new Map([
          [a, b],
          [b, a],
        ]);
        for (const node of g.nodes)
          node.outputs = node.outputs.map((value) => swap.get(value) ?? value);
        rewire(g, swap);
      });
      const verification = await verifyExport(swapped, graph, expected, engine);
      expect(failed(verification)).toContain('decoding with the cache');
    });

    test('with the gamma of another norm fails', async () => {
      const { source, folder, graph, expected } = made;
      const wrong = await withGraph(folder, graph, (g) => {
        const vectors = [...g.initializers.values()].filter(
          (t) => t.dims.length === 1 && t.name.includes('norm'),
        );
        const [a, b] = [vectors[0]?.name ?? '', vectors.at(-1)?.name ?? ''];
        rewire(
          g,
          new Map([
            [a, b],
            [b, a],
          ]),
        );
      });
      expect(failed(await verifyExport(wrong, graph, expected, engine))).toContain(
        'likelihood of one window',
      );
      const verification = await verifyExport(
        wrong,
        graph,
        { ...expected, source: { opened: source, removed: REMOVED } },
        engine,
      );
      expect(failed(verification)).toContain('graph as planned');
    });

    test('with a damaged weight fails', async () => {
      const { source, folder, graph, expected } = made;
      const data = folder.files.find((file) => /data$/.test(file.path))?.path ?? '';
      const damaged = await withFile(folder, data, (bytes) => {
        const at = Math.floor(bytes.length / 2 / 4) * 4;
        bytes.set(new Uint8Array(64).fill(0x3f), at);
        return bytes;
      });
      const verification = await verifyExport(
        damaged,
        graph,
        { ...expected, source: { opened: source, removed: REMOVED } },
        engine,
      );
      expect(verification.status).toBe('failed');
      expect(failed(verification)).toContain('bytes of every tensor');
    });

    test('with a stale layer count fails', async () => {
      const { source, folder, graph, expected } = made;
      const config =
        folder.files.find((file) => /^(genai_)?config\.json$/.test(file.path))?.path ?? '';
      const original = source.folder.open(config);
      const stale = await original?.read(0, original.size);
      const verification = await verifyExport(
        await withFile(folder, config, () => stale ?? new Uint8Array()),
        graph,
        expected,
        engine,
      );
      expect(failed(verification)).toEqual(['structure']);
    });
  },
);

describe('an export that is too large to be run whole', () => {
  const name = 'optimum-llama-fp32';
  let made: Case;
  let whole: Expectation;
  /** Holds two stages, not the file and its copy. */
  let budgetBytes: number;
  beforeAll(async () => {
    made = await exportOf(name);
    whole = { ...made.expected, source: { opened: made.source, removed: REMOVED } };
    budgetBytes = ScoreSession.open(made.source, engine, { streamed: true }).memory(
      1,
      made.expected.window.length,
    ).total;
  });

  test('is run block by block, within the budget, and the word says so', async () => {
    const own = await openWasm(nodeLoader);
    const result = await verifyExport(made.folder, made.graph, whole, own, { budgetBytes });
    expect(result.status).toBe('in-parts');
    expect(failed(result)).toEqual(['runs whole']);
    const text = result.checks.map((check) => `${check.name}: ${check.detail}`).join('\n');
    expect(text).toMatch(
      /runs whole: not run here: the graph and its weights are .* but the budget is .* Decoding with the cache/,
    );
    expect(text).toMatch(/block by block: NLL .* relative/);
    expect(own.ledger.peak('weights')).toBeLessThanOrEqual(budgetBytes);
    expect(own.ledger.total()).toBe(0);
    await own.dispose();
  });

  test('fails when a weight is damaged, with the source and without', async () => {
    const data = made.folder.files.find((file) => /data$/.test(file.path))?.path ?? '';
    const damaged = await withFile(made.folder, data, (bytes) => {
      bytes.set(new Uint8Array(64).fill(0x3f), Math.floor(bytes.length / 2 / 4) * 4);
      return bytes;
    });
    const withSource = await verifyExport(damaged, made.graph, whole, engine, { budgetBytes });
    expect([withSource.status, failed(withSource)[0]]).toEqual(['failed', 'bytes of every tensor']);
    const without = await verifyExport(damaged, made.graph, made.expected, engine, { budgetBytes });
    expect(without.status).toBe('failed');
    expect(failed(without)).toContain('likelihood of one window, block by block');
  });

  test('stays unverified without an NLL to compare, and where no block fits', async () => {
    const without = await verifyExport(made.folder, made.graph, { ...whole, nll: null }, engine, {
      budgetBytes,
    });
    expect(without.status).toBe('unverified');
    const tiny = await verifyExport(made.folder, made.graph, whole, engine, { budgetBytes: 1000 });
    expect(tiny.status).toBe('unverified');
    expect(failed(tiny)).toEqual(['runs whole', 'likelihood of one window, block by block']);
  });

  test('is run block by block also where only loading finds that it does not fit', async () => {
    const small: Engine = Object.create(engine, {
      compileModel: {
        value: () =>
          Promise.reject(new EspalierError('out-of-memory', 'Memory ran out while compiling.')),
      },
    });
    const result = await verifyExport(made.folder, made.graph, whole, small);
    expect(failed(result)).toEqual(['loads']);
    expect(result.status).toBe('in-parts');
  });

  test('is unverified, not failed, where the device is lost', async () => {
    const lost: Engine = Object.create(engine, {
      compileModel: { value: () => Promise.reject(deviceLost('destroyed')) },
    });
    const result = await verifyExport(made.folder, made.graph, { ...whole, nll: null }, lost);
    expect([result.status, ...failed(result)]).toEqual(['unverified', 'loads']);
  });

  test('is cancelled while its bytes are compared', async () => {
    const abort = new AbortController();
    const onProgress = ({ unit, done }: Progress) => unit === 'bytes' && done > 0 && abort.abort();
    const running = verifyExport(made.folder, made.graph, whole, engine, {
      budgetBytes,
      signal: abort.signal,
      onProgress,
    });
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
  });
});
