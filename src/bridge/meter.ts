// The page's meter: opens variants in workers of their own and has them measured, or generated
// with, in turn.

import { untilAborted } from '../async.ts';
import type { MeterApi } from '../contract/meter.ts';
import type { MeterRequest } from '../contract/speed.ts';
import type { StudioApi } from '../contract/studio.ts';
import type { OpenVariant } from '../contract/variant.ts';
import { isCancelled, toReport } from '../errors.ts';
import { defaultBudget } from '../memoryBudget.ts';
import { type Arrangement, compareSpeeds } from '../speed/compare.ts';
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
    request: Pick<MeterRequest, 'source' | 'graph' | 'device'> & {
      graphCapture: boolean;
      /** Device bytes of each variant, the original first. */
      estimates: readonly number[];
    },
    note: (text: string) => void,
    work: (open: OpenVariant, signal: AbortSignal, room: Room) => Promise<T>,
  ): Promise<T> {
    running?.abort();
    const abort = new AbortController();
    running = abort;
    try {
      const { source, graph, device, graphCapture, estimates } = request;
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
      const [original = 0] = estimates;
      if (original + sum(estimates) > budget) await release();
      let opens = 0;
      const open: OpenVariant = async (removed, signal, onProgress, steps = []) => {
        // One more open than variants means that a run found no room beside another one.
        if (opens++ >= Math.max(2, estimates.length)) await release();
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
      return await work(open, abort.signal, { budget, estimates });
    } finally {
      // Workers end with the signal: nothing of a job outlives it.
      abort.abort();
      if (running === abort) running = null;
    }
  }

  return {
    measure: (request, onEvent) =>
      job(
        { ...both(request), graphCapture: request.settings.graphCapture },
        noted(onEvent),
        (open, signal, room) =>
          measureVariants(request, open, { signal, onEvent, together: fitsAtOnce(room) }),
      ),
    sweep: (request, batches, onEvent) =>
      job({ ...both(request), graphCapture: false }, noted(onEvent), (open, signal, room) =>
        sweepBatches({ ...request, batches }, open, {
          signal,
          onEvent,
          together: fitsAtOnce(room),
        }),
      ),
    compare({ variants, ...request }, onEvent) {
      const estimates = variants.map(({ estimate }) => estimate);
      const plans = new Map(variants.map((one) => [one.id, one]));
      const asked = { ...request, estimates, graphCapture: false };
      return job(asked, noted(onEvent), (open, signal, room) =>
        compareSpeeds({ ...request, variants: plans }, open, {
          signal,
          onEvent,
          arranged: arrangedIn(room),
        }),
      );
    },
    generate: (request, onEvent) =>
      job({ ...both(request), graphCapture: false }, noted(onEvent), (open, signal, room) =>
        generateSideBySide(request, open, { signal, onEvent, together: fitsAtOnce(room) }),
      ),
    cancel: () => running?.abort(),
  };
}

/** Bytes that may be taken, and those of each variant. */
interface Room {
  budget: number;
  estimates: readonly number[];
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const fitsAtOnce = ({ budget, estimates }: Room): boolean => sum(estimates) <= budget;

/** How many of a comparison are open at once. */
function arrangedIn(room: Room): Arrangement {
  if (fitsAtOnce(room)) return 'all';
  const [first = 0, ...others] = room.estimates;
  return first + Math.max(0, ...others) <= room.budget ? 'pairs' : 'alone';
}

const both = ({ estimate, ...request }: MeterRequest) => ({
  ...request,
  estimates: [estimate.original, estimate.pruned],
});

function noted(onEvent: (event: { type: 'note'; text: string }) => void): (text: string) => void {
  return (text) => onEvent({ type: 'note', text });
}
