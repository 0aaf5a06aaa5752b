// How each source of criteria is measured, for the studio worker and the command line alike.

import { hasFiniteStates, type MeasuredSource } from '../../analysis/criteriaTable.ts';
import type { SourceResult } from '../../contract/criteria.ts';
import type { Progress } from '../../contract/progress.ts';
import { measureMagnitudes } from '../../model/criteria/magnitude.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { NO_HIDDEN } from '../score/curve.ts';
import type { ScoreSession } from '../score/session.ts';

/** What a source may use; windows and session are made when it asks for them. */
export interface SourceContext {
  opened: OpenedModel;
  onWindows(): Promise<{ session: ScoreSession; windows: number[][] }>;
  signal?: AbortSignal | undefined;
  onProgress(progress: Progress): void;
}

type Measure<S extends MeasuredSource> = (
  context: SourceContext,
) => Promise<Omit<SourceResult<S>, 'seconds'>>;

const MEASURES: { readonly [S in MeasuredSource]: Measure<S> } = {
  async magnitudes({ opened, signal, onProgress }) {
    const started = performance.now();
    const { bytesRead, ...data } = await measureMagnitudes(opened, {
      signal,
      onBytes: (done, total) => {
        const seconds = (performance.now() - started) / 1000;
        const secondsLeft = done > 0 ? (seconds / done) * (total - done) : null;
        onProgress({ job: 'magnitudes', phase: 'read', done, total, unit: 'bytes', secondsLeft });
      },
    });
    return { data, bytesRead };
  },
  async hidden({ onWindows, signal, onProgress }) {
    const { session, windows } = await onWindows();
    const data = await session.hiddenCriteria(windows, signal, onProgress);
    if (hasFiniteStates(data)) return { data };
    const why = await session.whyNoStates(windows, NO_HIDDEN, signal);
    return why === null ? { data } : { data, warnings: [why] };
  },
};

/** @throws EspalierError as `measureMagnitudes` and `ScoreSession.hiddenCriteria` */
export async function measureSource<S extends MeasuredSource>(
  source: S,
  context: SourceContext,
): Promise<SourceResult<S>> {
  const started = performance.now();
  const found = await MEASURES[source](context);
  return { ...found, seconds: (performance.now() - started) / 1000 };
}
