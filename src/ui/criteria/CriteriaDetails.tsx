// The folded part of the criteria: where they differ, all scores, formulas.

import { Fragment } from 'react';
import { formatBytes } from '../../quantities.ts';
import { criteriaView, knownCriteria } from '../../state/criteria/selectors.ts';
import { MEASURED, SOURCES } from '../../state/criteria/sources.ts';
import { SUBLAYERS } from '../../words/choose.ts';
import { apartWords, CRITERIA_WORDS } from '../../words/compare.ts';
import { formatScore, formatSeconds } from '../format.ts';
import { DataTable } from '../kit/DataTable.tsx';
import kit from '../kit/kit.module.css';
import { Scroll } from '../kit/Scroll.tsx';
import { useStudio } from '../studioContext.ts';
import { CriteriaTable } from './CriteriaTable.tsx';
import css from './criteria.module.css';

export function CriteriaDetails() {
  return (
    <div className={css.details}>
      <details>
        <summary>{CRITERIA_WORDS.scores}</summary>
        <CriteriaTable />
      </details>
      <Apart />
      <Sublayers />
      <details>
        <summary>{CRITERIA_WORDS.formulas}</summary>
        <Formulas />
      </details>
    </div>
  );
}

/** The blocks on which a criterion and perplexity disagree most. */
function Apart() {
  const known = useStudio(criteriaView).filter(({ apart }) => apart.length > 0);
  if (known.length === 0) return null;
  return (
    <details>
      <summary>{CRITERIA_WORDS.apart}</summary>
      <dl className={kit.facts}>
        {known.map(({ name, label, apart }) => (
          <Fragment key={name}>
            <dt>{label}</dt>
            <dd>{apartWords(apart)}</dd>
          </Fragment>
        ))}
      </dl>
    </details>
  );
}

/** The scores of attention and feed-forward, by the criteria that have them. */
function Sublayers() {
  const known = useStudio(knownCriteria).filter(({ sublayers }) => sublayers);
  const blocks = known[0]?.scores ?? [];
  if (known.length === 0) return null;
  return (
    <details>
      <summary>{CRITERIA_WORDS.sublayers}</summary>
      <Scroll label={CRITERIA_WORDS.sublayersLabel}>
        <DataTable
          testId="criteria-sublayers"
          className={css.table}
          columns={[
            { key: 'block', title: CRITERIA_WORDS.block },
            ...known.flatMap(({ name, label }) => [
              { key: `${name}-attention`, title: `${label}, ${SUBLAYERS.attention}` },
              { key: `${name}-ffn`, title: `${label}, ${SUBLAYERS.feedForward}` },
            ]),
          ]}
        >
          {[...blocks.keys()].map((block) => (
            <tr key={block}>
              <th scope="row">{block}</th>
              {known.flatMap(({ name, sublayers }) =>
                (['attention', 'ffn'] as const).map((one) => (
                  <td key={`${name}-${one}`} data-testid={`score-${name}/${block}.${one}`}>
                    {scoreWords(sublayers?.[one][block])}
                  </td>
                )),
              )}
            </tr>
          ))}
        </DataTable>
      </Scroll>
    </details>
  );
}

const scoreWords = (score: number | null | undefined): string =>
  score == null ? '–' : formatScore(score);

function Formulas() {
  const known = useStudio(knownCriteria);
  return (
    <>
      <dl className={kit.facts} data-testid="criteria-formulas">
        {known.map(({ name, criterion: { label, formula, source } }) => (
          <Fragment key={name}>
            <dt>{label}</dt>
            <dd>
              {formula} ({source})
            </dd>
          </Fragment>
        ))}
      </dl>
      <BytesRead />
    </>
  );
}

/** What the sources that read weights by themselves have read. */
function BytesRead() {
  const measured = useStudio((state) => state.criteria.measured);
  return MEASURED.map((source) => {
    const result = measured[source]?.result;
    if (result?.bytesRead === undefined) return null;
    return (
      <p key={source} className={kit.sub}>
        {SOURCES[source].title}: {formatBytes(result.bytesRead)} read in{' '}
        {formatSeconds(result.seconds)}
      </p>
    );
  });
}
