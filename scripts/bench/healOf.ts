// A process that heals the sample and reports what it holds: at most, and after many healings.

import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TRAIN_DEFAULTS } from '../../src/contract/healDefaults.ts';
import { estimateTraining } from '../../src/runtime/heal/estimateTraining.ts';
import { train } from '../../src/runtime/heal/train.ts';
import { ScoreSession } from '../../src/runtime/score/session.ts';
import { wholeSequence } from '../../src/text/training/sequences.ts';
import { serveMeasurement } from './fresh.ts';
import { healOnce, PLAN } from './healed.ts';
import { watchHeap } from './heap.ts';
import { openSample } from './scored.ts';

const SETTLE_MS = 50;

export interface HealAsked {
  root: string;
  /** Healings before the ones that are counted: code is compiled as it is used. */
  settling: number;
  cycles: number;
}

export interface HealFound {
  /** Of a step with stored teacher states. */
  statedBytes: number;
  /** Most bytes in the engine's books. */
  heldBytes: number;
  statedRunBytes: number;
  /** What the wasm heap grew by, where runs take their own values. */
  heapBytes: number;
  /** Bytes in the engine's books after every healing. */
  left: number[];
  /** Of the wasm heap, and of typed arrays and objects after a collection. */
  before: Held;
  after: Held;
}

interface Held {
  wasm: number;
  script: number;
}

async function measure({ root, settling, cycles }: HealAsked): Promise<HealFound> {
  const heap = watchHeap();
  const sample = await openSample(root);
  const { opened, engine } = sample;
  const session = ScoreSession.open(opened, engine);
  const { batch, length } = TRAIN_DEFAULTS;
  const fit = sample.windows(batch * 2, length).map(wholeSequence);
  const job = {
    structure: opened.structure,
    removed: PLAN,
    changes: [],
    data: { fit, heldOut: [] },
  };
  const settings = { ...TRAIN_DEFAULTS, steps: 2 };
  const { memory } = await session.alone((model) =>
    estimateTraining({ ...model, ...job, settings, measure: false }),
  );
  const heapBefore = heap();
  await session.alone((model) => train({ ...model, ...job, settings, onEvent: () => {} }));
  const found = {
    statedBytes: memory.total,
    heldBytes: engine.ledger.peak(),
    statedRunBytes: Math.max(memory.scratch, memory.logits),
    heapBytes: heap() - heapBefore,
  };
  const collect = collector();
  // What the last healing held is free once its promises have settled.
  const held = async (): Promise<Held> => {
    for (let turn = 0; turn < 2; turn++) {
      await setTimeout(SETTLE_MS);
      collect();
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return { wasm: heap(), script: heapUsed + arrayBuffers };
  };
  const left: number[] = [];
  for (let cycle = 0; cycle < settling; cycle++) await healOnce(root, sample, session);
  const before = await held();
  for (let cycle = 0; cycle < cycles; cycle++) {
    await healOnce(root, sample, session);
    left.push(engine.ledger.total());
  }
  return { ...found, left, before, after: await held() };
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

void serveMeasurement(measure);
