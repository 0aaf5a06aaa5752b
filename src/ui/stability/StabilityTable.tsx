// What the calibration study found: how often each block is among the lowest, and its ranks.

import { plural } from '../../quantities.ts';
import { currentOrder } from '../../state/criteria/orders.ts';
import type { StabilityView } from '../../state/stability/selectors.ts';
import { wholeBlocks } from '../../units.ts';
import { amongLowest, itsLowest, STUDY_WORDS } from '../../words/compare.ts';
import { type Column, DataTable } from '../kit/DataTable.tsx';
import { Field } from '../kit/Field.tsx';
import kit from '../kit/kit.module.css';
import { Scroll } from '../kit/Scroll.tsx';
import { Term } from '../kit/Term.tsx';
import { WholeNumber } from '../kit/WholeNumber.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './stability.module.css';

const columnsFor = (k: number): Column[] => [
  { key: 'block', title: STUDY_WORDS.block },
  { key: 'chosen', title: amongLowest(k) },
  { key: 'mean', title: STUDY_WORDS.mean },
  { key: 'ranks', title: STUDY_WORDS.ranks },
  { key: 'range', title: <span className={kit.hidden}>{STUDY_WORDS.range}</span> },
];

/** How far the runs agree, and the order that they give together. */
export function StabilitySummary({ view }: { view: StabilityView }) {
  const isCurrent = useStudio((state) => currentOrder(state)?.name === 'study');
  const actions = useActions();
  const { blocks, k } = view;
  return (
    <div className={kit.row}>
      <Field className={css.count} label={STUDY_WORDS.count}>
        {(id) => (
          <WholeNumber
            id={id}
            value={k}
            min={1}
            max={Math.max(1, blocks.length)}
            testId="study-count"
            onChange={(next) => actions.setStudyCount(next)}
          />
        )}
      </Field>
      <span className={kit.sub} data-testid="study-agreement">
        <Agreement view={view} />
      </span>
      <span className={kit.grow} />
      <button
        type="button"
        aria-pressed={isCurrent}
        data-testid="use-study"
        onClick={actions.takeStudyOrder}
      >
        {isCurrent ? STUDY_WORDS.current : STUDY_WORDS.use}
      </button>
    </div>
  );
}

/** Each block: how often it is among the lowest, and its ranks. */
export function StabilityRanks({ view: { blocks, runs, k } }: { view: StabilityView }) {
  const removed = useStudio((state) => state.plan.present.removed);
  const removedBlocks = wholeBlocks(removed);
  return (
    <details>
      <summary>{STUDY_WORDS.each}</summary>
      <Scroll label={STUDY_WORDS.table}>
        <DataTable testId="stability-table" className={css.table} columns={columnsFor(k)}>
          {blocks.map(({ block, chosen, meanRank, lowestRank, highestRank }) => (
            <tr
              key={block}
              data-removed={removedBlocks.includes(block)}
              data-testid={`stability-${block}`}
            >
              <th scope="row">{block}</th>
              <td>
                {Math.round(chosen * runs.length)} of {plural(runs.length, 'run')}
              </td>
              <td>{meanRank.toFixed(1)}</td>
              <td>{lowestRank === highestRank ? lowestRank : `${lowestRank} to ${highestRank}`}</td>
              <td className={css.bar}>
                <Range from={lowestRank - 1} to={highestRank} of={blocks.length} />
              </td>
            </tr>
          ))}
        </DataTable>
      </Scroll>
    </details>
  );
}

function Range({ from, to, of }: { from: number; to: number; of: number }) {
  return (
    <span className={css.track} aria-hidden="true">
      <i style={{ left: `${(100 * from) / of}%`, width: `${(100 * (to - from)) / of}%` }} />
    </span>
  );
}

function Agreement({ view: { range, runs } }: { view: StabilityView }) {
  if (!range) return null;
  const [low, high] = range.map((value) => value.toFixed(2));
  return (
    <>
      <Term id="spearman">Spearman</Term> between {runs.length} runs:{' '}
      {low === high ? low : `${low} to ${high}`}.
    </>
  );
}

/** Each run: how far it agrees with the others, and what it chose. */
export function StabilityRuns({
  view: { runs, agreement: of, k, lowest },
}: {
  view: StabilityView;
}) {
  const actions = useActions();
  return (
    <details>
      <summary>{STUDY_WORDS.runs}</summary>
      <Scroll label={STUDY_WORDS.runsLabel}>
        <DataTable
          testId="study-runs"
          className={css.table}
          columns={[
            { key: 'run', title: STUDY_WORDS.run, text: true },
            { key: 'agreement', title: STUDY_WORDS.agreement },
            { key: 'lowest', title: itsLowest(k) },
          ]}
        >
          {runs.map(({ label }, i) => (
            <tr key={label}>
              <th scope="row" className={css.left}>
                {label}
              </th>
              <td>{of[i]?.toFixed(2) ?? '–'}</td>
              <td>{lowest[i]?.join(', ')}</td>
            </tr>
          ))}
        </DataTable>
      </Scroll>
      <button
        type="button"
        className={kit.quiet}
        data-testid="study-forget"
        onClick={actions.forgetStudy}
      >
        {STUDY_WORDS.forget}
      </button>
    </details>
  );
}
