// A process that scores one model and reports the memory held and the memory estimated.

import type { Progress } from '../../src/contract/progress.ts';
import type { MemoryEstimate } from '../../src/contract/score.ts';
import { openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { nodeLoader } from '../../src/runtime/device/ort.node.ts';
import { openWasm } from '../../src/runtime/device/wasmEngine.ts';
import { measureTaylor, taylorMemory } from '../../src/runtime/gradients/taylor.ts';
import { ScoreSession } from '../../src/runtime/score/session.ts';
import { allPrograms, weightBytes } from '../../src/runtime/weights/stages.ts';
import { peakResidentBytes, serveMeasurement } from './fresh.ts';
import { watchHeap } from './heap.ts';

export interface MemoryAsked {
  path: string;
  graph: string;
  windows: number[][];
  /** Budget over the weights; null = the default. */
  share: number | null;
  /** The curve, unless told. */
  job?: 'taylor';
}

export interface MemoryFound {
  stated: MemoryEstimate;
  weightBytes: number;
  /** Most bytes in the engine's books at a time. */
  held: { weights: number; hiddenStates: number; together: number };
  /**
   * Heap of the wasm module, where runs take scratch and logits, before the first run and after the
   * last: it never shrinks.
   */
  heapBytes: { before: number; after: number };
  /** Resident bytes of the process before, and the most. */
  residentBytes: { before: number; peak: number };
}

async function measure({ path, graph, windows, share, job }: MemoryAsked): Promise<MemoryFound> {
  const heap = watchHeap();
  const folder = await nodeFolder(path);
  const opened = await openModel(folder, graph);
  const engine = await openWasm(nodeLoader);
  const all = weightBytes(allPrograms(ScoreSession.open(opened, engine).programs), 'wasm');
  const session = ScoreSession.open(
    opened,
    engine,
    share === null ? {} : { budgetBytes: Math.floor(share * all) },
  );
  const { structure } = opened;
  const stated =
    job === 'taylor'
      ? taylorMemory({ ...session.model, structure, windows })
      : session.memory(windows.length, Math.max(...windows.map((window) => window.length)));
  let before = { heap: heap(), resident: process.memoryUsage.rss() };
  const onProgress = ({ phase }: Progress): void => {
    if (phase === 'compile') before = { heap: heap(), resident: process.memoryUsage.rss() };
  };
  if (job === 'taylor')
    await session.alone((model) => measureTaylor({ ...model, structure, windows, onProgress }));
  else
    await session.score(windows, undefined, (event) => {
      if (event.type === 'progress') onProgress(event.progress);
    });
  const { ledger } = engine;
  return {
    stated,
    weightBytes: all,
    held: {
      weights: ledger.peak('weights'),
      hiddenStates: ledger.peak('hidden'),
      together: ledger.peak(),
    },
    heapBytes: { before: before.heap, after: heap() },
    residentBytes: { before: before.resident, peak: peakResidentBytes() },
  };
}

void serveMeasurement(measure);
