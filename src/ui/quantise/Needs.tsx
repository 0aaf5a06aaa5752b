// Why it cannot start and what to do, else what it comes to: size before and after, memory, what
// runtimes lack, what stays as it is and why.

import { useEffect } from 'react';
import type { MatrixReport, QuantiseEstimate } from '../../contract/quantise.ts';
import { planSize } from '../../model/open/size.ts';
import { formatBytes, listed } from '../../quantities.ts';
import {
  quantiseEstimate,
  quantiseObstacle,
  quantiseProblems,
} from '../../state/quantise/selectors.ts';
import { ESTIMATE, matrixName } from '../../words/quantise.ts';
import { formatChange } from '../format.ts';
import kit from '../kit/kit.module.css';
import { memoryInAll } from '../memoryWords.ts';
import { useActions, useStudio } from '../studioContext.ts';
import css from './quantise.module.css';

/** A form that is being filled in is not looked at. */
const SETTLE_MS = 250;

export function Needs() {
  const obstacle = useStudio(quantiseObstacle);
  const problems = useStudio(quantiseProblems);
  const { value, error, running, stale } = useStudio(quantiseEstimate);
  const actions = useActions();
  const isKnown = !stale && (value !== null || error !== null);
  const isWanted = obstacle === null && !running && !isKnown;
  useEffect(() => {
    if (!isWanted) return;
    const timer = setTimeout(() => void actions.estimateQuantise(), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [isWanted, actions]);
  if (problems.size > 0) return <span className={kit.bad}>{[...problems.values()].join(' ')}</span>;
  if (error !== null && !stale)
    return (
      <span className={kit.bad} data-testid="quantise-cannot">
        {error}
      </span>
    );
  if (obstacle !== null) return <span className={kit.sub}>{obstacle}</span>;
  if (!value) return <span className={kit.sub}>{ESTIMATE.running}</span>;
  return <Estimate value={value} stale={stale} />;
}

function Estimate({ value, stale }: { value: QuantiseEstimate; stale: boolean }) {
  const summary = useStudio((state) => state.model.current?.summary);
  const removed = useStudio((state) => state.plan.present.removed);
  const { memory, bytes } = value;
  const before = summary ? planSize(summary, removed).bytes : null;
  return (
    <div data-testid="quantise-estimate" data-stale={stale} aria-live="polite">
      <p className={stale ? kit.stale : undefined}>
        {before !== null && (
          <b>
            {ESTIMATE.size(formatBytes(before), formatBytes(bytes), formatChange(before, bytes))}
          </b>
        )}{' '}
        <span className={kit.sub}>{memoryInAll(memory)}</span>
      </p>
    </div>
  );
}

/** What the target runtimes lack and what to choose instead, and what stays as it is. */
export function NeedsNotes() {
  const { value, error, stale } = useStudio(quantiseEstimate);
  if (!value || (error !== null && !stale)) return null;
  const { notes, matrices } = value;
  return (
    <div data-testid="quantise-notes">
      {notes.length > 0 && (
        <ul className={`${css.why} ${kit.sub}`}>
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <Kept matrices={matrices} />
    </div>
  );
}

/** What stays as it is, by its reason. */
function Kept({ matrices }: { matrices: readonly MatrixReport[] }) {
  const kept = matrices.filter(({ form, obstacle }) => obstacle !== null || form === 'float');
  const reasons = new Map<string, MatrixReport[]>();
  for (const one of kept) {
    const reason = one.obstacle ?? ESTIMATE.byChoice;
    reasons.set(reason, [...(reasons.get(reason) ?? []), one]);
  }
  if (kept.length === 0) return null;
  return (
    <details data-testid="quantise-stays">
      <summary className={kit.sub}>{ESTIMATE.stays(plural(kept.length))}</summary>
      <ul className={`${css.why} ${kit.sub}`}>
        {[...reasons].map(([reason, all]) => (
          <li key={reason}>
            {namesOf(all)}: {reason}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Matrices that are named one by one; more are counted. */
const MOST_NAMED = 3;

const plural = (count: number): string => ESTIMATE.matrices(count);

const namesOf = (matrices: readonly MatrixReport[]): string =>
  matrices.length > MOST_NAMED
    ? plural(matrices.length)
    : listed(matrices.map(({ block, part }) => matrixName(block, part)));
