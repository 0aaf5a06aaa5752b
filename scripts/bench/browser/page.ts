// The page of the benchmark: forwards calls to workers and reads the browser's counters.

import { wrap } from 'comlink';
import { createMeter } from '../../../src/bridge/meter.ts';
import type { MeasureResult } from '../../../src/contract/speed.ts';
import { contest } from './contest.ts';
import type {
  ContestantApi,
  ContestRequest,
  ContestResult,
  CopierApi,
  MeasureCall,
  MemoryPoint,
  Served,
} from './contract.ts';
import { addressOf } from './files.ts';

/** What the page offers to the bench. */
export interface BenchPage {
  isolated: boolean;
  adapter(): Promise<{ name: string; software: boolean } | null>;
  contest(request: ContestRequest): Promise<ContestResult>;
  /** Bytes that our variant still holds after it was closed. */
  leftAfterClose(served: Served): Promise<number | null>;
  /** One measurement by the product's own meter, with workers of its own. */
  measure(call: MeasureCall): Promise<MeasureResult>;
  memory(cycle: number): Promise<MemoryPoint>;
  /** An export's writers and a plain copy in turns. */
  copies: CopierApi['copies'];
}

/** Chromium's counter of a page and its workers; only where the page is cross-origin isolated. */
interface Measured {
  bytes: number;
  breakdown: { bytes: number; attribution: { scope: string }[] }[];
}

declare global {
  interface Performance {
    measureUserAgentSpecificMemory?(): Promise<Measured>;
  }
}

/** The wasm device needs nothing of the studio. */
const studio = {
  device: () => Promise.reject(new Error('the bench measures on the wasm device')),
  chooseDevice: () => Promise.reject(new Error('the bench names its device')),
  release: async () => {},
};
const meter = createMeter(studio);

async function memory(cycle: number): Promise<MemoryPoint> {
  if (!performance.measureUserAgentSpecificMemory)
    throw new Error('this browser does not measure memory');
  const { bytes, breakdown } = await performance.measureUserAgentSpecificMemory();
  const ofWorkers = breakdown.filter(({ attribution }) =>
    attribution.some(({ scope }) => scope !== 'Window'),
  );
  return { cycle, bytes, workerBytes: ofWorkers.reduce((sum, part) => sum + part.bytes, 0) };
}

const page: BenchPage = {
  isolated: globalThis.crossOriginIsolated,
  async adapter() {
    const info = (await navigator.gpu?.requestAdapter())?.info;
    if (!info) return null;
    const name = [info.vendor, info.architecture, info.description].filter(Boolean).join(' ');
    return {
      name,
      software: info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe/i.test(name),
    };
  },
  contest,
  async leftAfterClose(served) {
    const worker = new Worker(new URL('./contestant.ts', import.meta.url), { type: 'module' });
    try {
      const end = wrap<ContestantApi>(worker);
      await end.load('ours', 'wasm', served);
      await end.run([1, 2, 3], 2);
      return await end.close();
    } finally {
      worker.terminate();
    }
  },
  measure: ({ served, removed, settings }) => {
    const source = {
      kind: 'hosted' as const,
      name: served.name,
      baseUrl: addressOf(served),
      files: served.files,
    };
    const bytes = served.files.reduce((sum, file) => sum + file.size, 0);
    const request = {
      source,
      graph: served.graph,
      removed,
      device: 'wasm' as const,
      settings,
      estimate: { original: bytes, pruned: bytes },
    };
    return meter.measure(request, () => {});
  },
  memory,
  async copies(request) {
    const worker = new Worker(new URL('./copier.ts', import.meta.url), { type: 'module' });
    try {
      return await wrap<CopierApi>(worker).copies(request);
    } finally {
      worker.terminate();
    }
  },
};
window.espalierBench = page;
