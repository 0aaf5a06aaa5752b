// A process that quantises one folder and reports times and memory: writes it in few bits, or
// computes it by GPTQ.

import { mkdirSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { QUANTISE_DEFAULTS } from '../../src/contract/quantiseDefaults.ts';
import type { MemoryEstimate } from '../../src/contract/score.ts';
import { exportManifest } from '../../src/model/export/manifest.ts';
import { dtypeSteps } from '../../src/model/export/steps.ts';
import { type OpenedModel, openModel } from '../../src/model/open/open.ts';
import { quantisationId } from '../../src/model/quantise/id.ts';
import { quantisableMatrices } from '../../src/model/quantise/matrices.ts';
import type { Quantisation } from '../../src/model/quantise/quantisation.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { writeFolder } from '../../src/node/writeFolder.ts';
import { nodeLoader } from '../../src/runtime/device/ort.node.ts';
import { openWasm } from '../../src/runtime/device/wasmEngine.ts';
import { gptq } from '../../src/runtime/quantise/gptq/gptq.ts';
import { estimateGptq } from '../../src/runtime/quantise/gptq/gptqMemory.ts';
import { ScoreSession } from '../../src/runtime/score/session.ts';
import { type Timed, timed } from './clocks.ts';
import { canForget, forgetFile } from './forget.ts';
import { peakResidentBytes, serveMeasurement } from './fresh.ts';
import { watchHeap } from './heap.ts';

export type QuantiseAsked =
  /**
   * Written once by RTN, and then in turns with a copy of the files that it is made from.
   */
  | { job: 'write'; path: string; out: string; turns: number }
  | { job: 'gptq'; path: string; graph?: string; windows: number[][] };

/** Times of each turn. */
export interface WriteRace {
  quantise: Timed[];
  copy: Timed[];
}

export interface WriteFound {
  /** Bytes of the files that were read, and of those that were written. */
  sourceBytes: number;
  writtenBytes: number;
  /** Matrices that were written in few bits. */
  matrices: number;
  /** Of the first time, when nothing else had been done. */
  first: Timed;
  residentBytes: { before: number; peak: number };
  fromMemory: WriteRace;
  /** Files that the system has forgotten; null where it cannot be made to. */
  fromDisk: WriteRace | null;
}

export interface GptqFound {
  seconds: Timed;
  matrices: number;
  tokens: number;
  notes: string[];
  stated: MemoryEstimate;
  /** Most bytes in the engine's books: weights, states, statistics and what is made. */
  heldBytes: number;
  /** What the wasm heap grew by, where runs take their own values. */
  heapBytes: number;
  residentBytes: { before: number; peak: number };
}

async function quantisation(): Promise<Quantisation> {
  const made = { removed: [], healing: null, settings: QUANTISE_DEFAULTS, forms: {}, computed: [] };
  const record = { text: null, mixed: null, measured: [] };
  return { id: await quantisationId(made), ...made, record };
}

const blockMatrices = ({ structure }: OpenedModel) =>
  quantisableMatrices(structure).filter(
    ({ kind, obstacle }) => kind === 'block' && obstacle === null,
  );

async function write(asked: Extract<QuantiseAsked, { job: 'write' }>): Promise<WriteFound> {
  const { path, out, turns } = asked;
  const folder = await nodeFolder(path);
  const before = process.memoryUsage.rss();
  const matrices = blockMatrices(await openModel(folder)).length;
  const steps = dtypeSteps('q4', await quantisation());
  let writtenBytes = 0;
  // Opened each time, so that nothing is left of the time before.
  const quantised = async (): Promise<void> => {
    const opened = await openModel(folder);
    const { files } = await exportManifest(opened, [], { app: 'bench', steps });
    writtenBytes = files.reduce((sum, { size }) => sum + size, 0);
    await writeFolder(out, files, folder, () => {});
  };
  const files = folder.files.filter(({ path: name }) => name.startsWith('model.onnx'));
  const copied = async (): Promise<void> => {
    for (const file of files) {
      mkdirSync(dirname(join(out, file.path)), { recursive: true });
      await copyFile(join(path, file.path), join(out, file.path));
    }
  };
  const first = await timed(quantised);
  const residentBytes = { before, peak: peakResidentBytes() };
  rmSync(out, { recursive: true });
  const race = async (prepare: () => void): Promise<WriteRace> => {
    const found: WriteRace = { quantise: [], copy: [] };
    const ways = [['quantise', quantised] as const, ['copy', copied] as const];
    for (let turn = 0; turn < turns; turn++)
      for (const [name, work] of turn % 2 === 0 ? ways : ways.toReversed()) {
        prepare();
        found[name].push(await timed(work));
        rmSync(out, { recursive: true });
      }
    return found;
  };
  const forget = (): void => files.forEach((file) => void forgetFile(join(path, file.path)));
  const found = {
    sourceBytes: files.reduce((sum, { size }) => sum + size, 0),
    writtenBytes,
    ...{ matrices, first, residentBytes },
    fromMemory: await race(() => {}),
    fromDisk: turns > 0 && canForget(join(path, files[0]!.path)) ? await race(forget) : null,
  };
  await folder.close();
  return found;
}

async function compute(asked: Extract<QuantiseAsked, { job: 'gptq' }>): Promise<GptqFound> {
  const { path, graph, windows } = asked;
  const heap = watchHeap();
  const folder = await nodeFolder(path);
  const opened = await openModel(folder, graph);
  const engine = await openWasm(nodeLoader);
  const session = ScoreSession.open(opened, engine);
  const request = { removed: [], matrices: blockMatrices(opened), block: QUANTISE_DEFAULTS.block };
  const size = { windows: windows.length, length: windows[0]?.length ?? 0 };
  const { programs, budget } = session.model;
  const { memory } = estimateGptq({ ...request, programs, size, device: engine, budget });
  const before = { heap: heap(), resident: process.memoryUsage.rss() };
  let result: Awaited<ReturnType<typeof gptq>> | null = null;
  const seconds = await timed(() =>
    session.alone(async (model) => {
      result = await gptq({ ...model, ...request, windows, onProgress: () => {} });
    }),
  );
  const { computed, notes, tokens } = result!;
  return {
    ...{ seconds, tokens, notes, stated: memory },
    matrices: computed.length,
    heldBytes: engine.ledger.peak(),
    heapBytes: heap() - before.heap,
    residentBytes: { before: before.resident, peak: peakResidentBytes() },
  };
}

void serveMeasurement(
  (asked: QuantiseAsked): Promise<WriteFound | GptqFound> =>
    asked.job === 'write' ? write(asked) : compute(asked),
);
