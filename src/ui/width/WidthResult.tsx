// A comparison of width with depth: what was found, its charts, its table.

import { lazy, Suspense } from 'react';
import { deviceName } from '../../state/device/selectors.ts';
import { protocolWords } from '../../state/speed/settings.ts';
import { shownBatch, type WidthView } from '../../state/width/selectors.ts';
import {
  measuredBy,
  multipleWords,
  notExported,
  speedsBy,
  stoppedAt,
  WIDTH,
} from '../../words/comparison/width.ts';
import { WidthSign } from '../charts/width/WidthSign.tsx';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import { findings } from './findings.ts';
import { WidthTable } from './WidthTable.tsx';
import css from './width.module.css';

const WidthChart = lazy(() => import('../charts/width/WidthChart.tsx'));

export function WidthResult({ view }: { view: WidthView }) {
  const batch = useStudio(shownBatch);
  const hasSpeeds = view.batches.length > 0;
  const sentences = findings(view);
  return (
    <div className={kit.stack} data-testid="width-result" data-whole={view.whole}>
      {view.stale && <p className={css.mark}>{WIDTH.stale}</p>}
      {view.isOfOtherPlan && !view.running && (
        <p className={css.mark} data-testid="width-other-plan">
          {WIDTH.otherPlan}
        </p>
      )}
      {!view.whole && !view.running && <p className={css.mark}>{WIDTH.stopped}</p>}
      {sentences.length > 0 && (
        <section aria-label={WIDTH.found}>
          <ul className={css.found} data-testid="width-found">
            {sentences.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
            <li className={kit.sub}>{WIDTH.unhealed}</li>
          </ul>
        </section>
      )}
      <Legend view={view} />
      <div className={css.charts}>
        <section aria-labelledby="width-params-title">
          <div className={css.head}>
            <h3 id="width-params-title">{WIDTH.paramsChart}</h3>
          </div>
          <Suspense fallback={<div className={css.empty} />}>
            <WidthChart view={view} axis="params" batch={batch} />
          </Suspense>
        </section>
        <section aria-labelledby="width-speed-title">
          <div className={css.head}>
            <h3 id="width-speed-title">{WIDTH.speedChart}</h3>
            {hasSpeeds && <BatchSelect batches={view.batches} batch={batch} />}
          </div>
          {hasSpeeds ? (
            <Suspense fallback={<div className={css.empty} />}>
              <WidthChart view={view} axis="speed" batch={batch} />
            </Suspense>
          ) : (
            <p className={kit.sub}>{view.running ? WIDTH.measuringSpeeds : WIDTH.noSpeeds}</p>
          )}
        </section>
      </div>
      <WidthTable view={view} batch={batch} />
      <Notes view={view} />
    </div>
  );
}

function BatchSelect({ batches, batch }: { batches: readonly number[]; batch: number }) {
  const actions = useActions();
  return (
    <Field label={WIDTH.batch}>
      {(id) => (
        <select
          id={id}
          value={batch}
          data-testid="width-batch"
          onChange={({ target }) => actions.setWidthBatch(Number(target.value))}
        >
          {batches.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Legend({ view: { rows } }: { view: WidthView }) {
  return (
    <p className={`${kit.legend} ${css.legend}`}>
      {rows.map(({ id, label }) => (
        <span key={id}>
          <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
            <WidthSign id={id} cx={7} cy={7} />
          </svg>{' '}
          {label}
        </span>
      ))}
      <span>
        <svg viewBox="0 0 26 12" width="26" height="12" aria-hidden="true">
          <path d="M1 6 H25" stroke="var(--leaf)" strokeWidth="1.6" strokeDasharray="6 3" />
        </svg>{' '}
        {WIDTH.depthLine}
      </span>
    </p>
  );
}

/** How it was measured, and what was remarked. */
function Notes({ view }: { view: WidthView }) {
  const shown = useStudio((state) => state.width.shown);
  if (!shown) return null;
  const { speeds, device, multiple, notes } = shown;
  const protocol = speeds && protocolWords(speeds.settings).replace(/, batch \d+$/, '');
  const loaded = speeds?.device ?? null;
  const all = [...new Set([...notes, ...(speeds?.notes ?? [])])];
  return (
    <>
      {view.rows.map(
        ({ id, label, stopped }) =>
          stopped && (
            <p key={id} className={css.mark} data-testid="width-stopped">
              {stoppedAt(label, stopped.batch, stopped.error.message, stopped.error.hint)}
            </p>
          ),
      )}
      {view.rows.map(
        ({ id, name, obstacle }) =>
          obstacle !== null && (
            <p key={id} className={kit.sub} data-testid="width-not-exported">
              {notExported(name, obstacle)}
            </p>
          ),
      )}
      <p className={kit.sub} data-testid="width-how">
        {device && measuredBy(deviceName(device))}{' '}
        {protocol && loaded && speedsBy(protocol, deviceName(loaded))}{' '}
        {[multipleWords(multiple), ...all].join(' ')}
      </p>
    </>
  );
}
