// How each source of criteria is measured, for the studio worker and the command line alike.

import {
  hasFiniteScores,
  hasFiniteStates,
  type MeasuredSource,
} from '../../analysis/criteriaTable.ts';
import type { SourceResult } from '../../contract/criteria.ts';
import type { Interrupted } from '../../contract/interrupted.ts';
import type { Progress } from '../../contract/progress.ts';
import type { RecordedSettings } from '../../contract/score.ts';
import { measureMagnitudes } from '../../model/criteria/magnitude.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { measureTaylor } from '../gradients/taylor.ts';
import { NO_HIDDEN } from '../score/curve.ts';
import type { ScoreSession } from '../score/session.ts';

interface OnWindows {
  session: ScoreSession;
  windows: number[][];
  /** Where the windows come from. */
  settings?: RecordedSettings;
  /** Runs work that stores how far it is; without it, nothing is stored. */
  resumable?<T>(
    job: Interrupted['job'],
    search: null,
    work: (store: CheckpointStore) => Promise<T>,
  ): Promise<T>;
}

/** What a source may use; windows and session are made when it asks for them. */
export interface SourceContext {
  opened: OpenedModel;
  onWindows(): Promise<OnWindows>;
  signal?: AbortSignal | undefined;
  onProgress(progress: Progress): void;
}

type Measure<S extends MeasuredSource> = (
  context: SourceContext,
) => Promise<Omit<SourceResult<S>, 'seconds'>>;

/** What follows from gradients that are not finite. */
const NO_TAYLOR = 'the Taylor criterion ranks nothing';
const NOT_FINITE = `The gradients of this model are not finite, so ${NO_TAYLOR}.`;

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
  async taylor({ opened: { structure }, onWindows, signal, onProgress }) {
    const { session, windows, resumable } = await onWindows();
    const measure = (store?: CheckpointStore) =>
      session.alone((model) =>
        measureTaylor({ ...model, structure, windows, signal, onProgress, store }),
      );
    const found = resumable ? resumable('taylor', null, measure) : measure();
    const { notes, ...data } = await found;
    const warnings = notes.map((note) => `Gradients: ${note}.`);
    if (!hasFiniteScores(data))
      warnings.push((await session.whyNoStates(windows, NO_TAYLOR, signal)) ?? NOT_FINITE);
    return warnings.length > 0 ? { data, warnings } : { data };
  },
};

/** @throws EspalierError as `measureMagnitudes` and `ScoreSession.hiddenCriteria` */
export async function measureSource<S extends MeasuredSource>(
  source: S,
  context: SourceContext,
): Promise<SourceResult<S>> {
  const started = performance.now();
  let settings: RecordedSettings | undefined;
  const found = await MEASURES[source]({
    ...context,
    async onWindows() {
      const given = await context.onWindows();
      settings = given.settings;
      return given;
    },
  });
  const seconds = (performance.now() - started) / 1000;
  return { ...found, ...(settings && { settings }), seconds };
}
