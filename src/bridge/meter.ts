// The page's meter: opens variants in workers of their own and has them measured, or generated
// with, in turn.

import { untilAborted } from '../async.ts';
import type { MeterApi } from '../contract/meter.ts';
import type { MeterRequest } from '../contract/speed.ts';
import type { StudioApi } from '../contract/studio.ts';
import type { OpenVariant } from '../contract/variant.ts';
import { isCancelled, toReport } from '../errors.ts';
import { defaultBudget } from '../memoryBudget.ts';
import { measureVariants } from '../speed/measure.ts';
import { generateSideBySide } from '../speed/sideBySide.ts';
import { sweepBatches } from '../speed/sweep.ts';
import { openRemote, spawnVariantWorker } from './remoteVariant.ts';

const RELEASED =
  'The weights that scoring had loaded were released to make room for the measurement; they are ' +
  'loaded again when they are needed.';

export function createMeter(
  studio: Pick<StudioApi, 'device' | 'chooseDevice' | 'release'>,
  spawn: () => Worker = spawnVariantWorker,
): MeterApi {
  let running: AbortController | null = null;

  /** Null where the model cannot be scored: then its graph decides where it runs. */
  const choose = () =>
    studio
      .chooseDevice(() => {})
      .catch((error: unknown) => {
        if (isCancelled(error)) throw error;
        return null;
      });

  /** One job at a time: a new one cancels the one before. */
  async function job<T>(
    request: MeterRequest & { graphCapture: boolean },
    note: (text: string) => void,
    work: (open: OpenVariant, signal: AbortSignal, together: boolean) => Promise<T>,
  ): Promise<T> {
    running?.abort();
    const abort = new AbortController();
    running = abort;
    try {
      const { source, graph, device, graphCapture, estimate } = request;
      // A job on the CPU does not wait for the self-test of a GPU.
      const report = device === 'wasm' ? null : await untilAborted(studio.device(), abort.signal);
      const selfTest = report?.webgpu ? report.selfTest : null;
      const choice =
        device === 'auto' && selfTest ? await untilAborted(choose(), abort.signal) : null;
      if (choice?.measured) note(choice.reason);
      const chosen = choice?.whole;
      const kind = selfTest && chosen !== 'wasm' ? 'webgpu' : 'wasm';
      const budget = defaultBudget(kind, report?.maxBufferBytes ?? 0);
      let released = false;
      const release = async (): Promise<void> => {
        if (released) return;
        released = true;
        await untilAborted(studio.release(), abort.signal);
        note(RELEASED);
      };
      // The studio holds the weights of the original.
      if (2 * estimate.original + estimate.pruned > budget) await release();
      let opens = 0;
      const open: OpenVariant = async (removed, signal, onProgress, steps = []) => {
        // A third open means that a run found no room beside the other variant.
        if (opens++ >= 2) await release();
        const load = () =>
          openRemote(
            spawn,
            { source, graph, removed, steps, device, chosen, selfTest, graphCapture },
            signal,
            onProgress,
          );
        try {
          return await load();
        } catch (error) {
          if (released || toReport(error).code !== 'out-of-memory') throw error;
          await release();
          return load();
        }
      };
      return await work(open, abort.signal, estimate.original + estimate.pruned <= budget);
    } finally {
      // Workers end with the signal: nothing of a job outlives it.
      abort.abort();
      if (running === abort) running = null;
    }
  }

  return {
    measure: (request, onEvent) =>
      job(
        { ...request, graphCapture: request.settings.graphCapture },
        noted(onEvent),
        (open, signal, together) => measureVariants(request, open, { signal, onEvent, together }),
      ),
    sweep: (request, batches, onEvent) =>
      job({ ...request, graphCapture: false }, noted(onEvent), (open, signal, together) =>
        sweepBatches({ ...request, batches }, open, { signal, onEvent, together }),
      ),
    generate: (request, onEvent) =>
      job({ ...request, graphCapture: false }, noted(onEvent), (open, signal, together) =>
        generateSideBySide(request, open, { signal, onEvent, together }),
      ),
    cancel: () => running?.abort(),
  };
}

function noted(onEvent: (event: { type: 'note'; text: string }) => void): (text: string) => void {
  return (text) => onEvent({ type: 'note', text });
}
