// The folded part of the criteria: where they differ, all scores, formulas.

import { Fragment } from 'react';
import { formatBytes } from '../../quantities.ts';
import { criteriaView, knownCriteria } from '../../state/criteria/selectors.ts';
import { MEASURED, SOURCES } from '../../state/criteria/sources.ts';
import { apartWords, CRITERIA_WORDS } from '../../words/compare.ts';
import { formatSeconds } from '../format.ts';
import kit from '../kit/kit.module.css';
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
