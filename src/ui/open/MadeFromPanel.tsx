// What an export of Espalier was made from.

import { deviceName } from '../../state/device/selectors.ts';
import { countUnits, listUnits } from '../../state/plan/unitWords.ts';
import { formatPpl, plural } from '../format.ts';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { useStudio } from '../studioContext.ts';

export function MadeFromPanel() {
  const madeFrom = useStudio((state) => state.model.current?.madeFrom);
  if (!madeFrom) return null;
  const { plan, removed, score } = madeFrom;
  const baseline = score?.baseline.nll;
  return (
    <Panel id="made-from" title="Made by Espalier" testId="made-from">
      <dl className={kit.facts}>
        <dt>source</dt>
        <dd>
          {madeFrom.sourceName}, {madeFrom.graph}, {plural(madeFrom.numBlocks, 'block')}
        </dd>
        <dt>removed</dt>
        <dd>{removed.length ? `${countUnits(removed)}: ${listUnits(removed)}` : 'no block'}</dd>
        {plan && (
          <>
            <dt>perplexity</dt>
            <dd>
              {formatPpl(plan.nll)}
              {baseline !== undefined && `, ${formatPpl(baseline)} before pruning`}
            </dd>
          </>
        )}
        {score && (
          <>
            <dt>measured on</dt>
            <dd>
              {plural(score.windows.length, 'window')} × {score.settings.length} tokens,{' '}
              {score.settings.text === 'bundled' ? 'bundled text' : score.settings.text},{' '}
              {deviceName(score.device)}
            </dd>
          </>
        )}
        <dt>version</dt>
        <dd>{madeFrom.app}</dd>
      </dl>
    </Panel>
  );
}
