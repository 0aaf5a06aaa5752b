// What the plan does to perplexity, size and caches, original beside pruned.

import type { ReactNode } from 'react';
import { formatBytes } from '../../quantities.ts';
import { effectView } from '../../state/effect/selectors.ts';
import { activeQuantisation } from '../../state/effect/steps.ts';
import { activeHealing } from '../../state/heal/selectors.ts';
import { wordsOf } from '../../state/quantise/selectors.ts';
import { healedWords } from '../../words/healing.ts';
import { UNKNOWN } from '../../words/model.ts';
import { QUANTISED } from '../../words/quantising.ts';
import { RESULT } from '../../words/result.ts';
import { formatChange, formatCount, formatOriginal, formatPruned } from '../format.ts';
import { ComparedHead } from '../kit/ComparedHead.tsx';
import kit from '../kit/kit.module.css';
import table from '../kit/plainTable.module.css';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';
import css from './result.module.css';

export function EffectTable() {
  const model = useStudio((state) => state.model.current?.summary);
  const { size } = useStudio(effectView);
  if (!model) return null;
  return (
    <table className={table.table}>
      <ComparedHead />
      <tbody>
        <PerplexityRow />
        <HealedRow />
        <QuantisedRow />
        <Row
          id="size"
          name={<Term id="size">{RESULT.size}</Term>}
          from={model.bytes}
          to={size?.bytes}
          format={formatBytes}
          unit=" B"
        />
        <Row
          id="parameters"
          name={<Term id="parameters">{RESULT.parameters}</Term>}
          from={model.params}
          to={size?.params}
          format={formatCount}
        />
        {model.kvBytesPerToken !== null && model.kvBytesPerToken > 0 && (
          <Row
            id="kv-per-token"
            name={<Term id="kvCache">{RESULT.kvCache}</Term>}
            from={model.kvBytesPerToken}
            to={size?.kvBytesPerToken ?? undefined}
            format={formatBytes}
            unit=" B"
          />
        )}
        {model.kvBytesPerToken === null && (
          <tr data-testid="kv-per-token">
            <th scope="row">
              <Term id="kvCache">{RESULT.kvCache}</Term>
            </th>
            <td colSpan={3}>{UNKNOWN}</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

function PerplexityRow() {
  const { original, pruned, stale, waiting } = useStudio(effectView);
  const change =
    original && pruned && original !== pruned
      ? formatChange(Math.exp(original.nll), Math.exp(pruned.nll))
      : '';
  const worse = original && pruned ? pruned.nll > original.nll : false;
  const none = stale && waiting ? '…' : '–';
  return (
    <tr>
      <th scope="row">
        <Term id="perplexity">{RESULT.perplexity}</Term>
      </th>
      <td data-testid="ppl-original">{original ? formatOriginal(original.nll) : '–'}</td>
      <td data-testid="ppl-pruned" data-stale={stale} className={stale ? kit.stale : undefined}>
        {pruned ? formatPruned(pruned.nll, original?.nll) : none}
      </td>
      <td className={stale ? kit.stale : signOf(worse)}>
        {change && (
          <>
            {change} <span className={kit.hidden}>{worse ? RESULT.worse : RESULT.better}</span>
          </>
        )}
      </td>
    </tr>
  );
}

/** The same plan with its healing: beside the pruned one, not in its place. */
function HealedRow() {
  const { original, healed, waitingForHealed } = useStudio(effectView);
  const healing = useStudio(activeHealing);
  if (!healing) return null;
  const change =
    original && healed ? formatChange(Math.exp(original.nll), Math.exp(healed.nll)) : '';
  const none = waitingForHealed ? '…' : '–';
  const worse = original && healed ? healed.nll > original.nll : false;
  return (
    <tr data-testid="healed-row">
      <th scope="row" className={css.wrap}>
        <Term id={healing.methods.includes('refit') ? 'refit' : 'healing'}>
          {healedWords(healing.methods)}
        </Term>
      </th>
      <td />
      <td data-testid="ppl-healed">{healed ? formatPruned(healed.nll, original?.nll) : none}</td>
      <td className={signOf(worse)}>
        {change && (
          <>
            {change} <span className={kit.hidden}>{worse ? RESULT.worse : RESULT.better}</span>
          </>
        )}
      </td>
    </tr>
  );
}

/** The same by the bytes that an export in few bits writes. */
function QuantisedRow() {
  const { original, quantised, waitingForQuantised } = useStudio(effectView);
  const written = useStudio(activeQuantisation);
  const running = useStudio((state) => state.quantise.running !== null);
  if (!written && !running) return null;
  const change =
    original && quantised ? formatChange(Math.exp(original.nll), Math.exp(quantised.nll)) : '';
  const none = waitingForQuantised || running ? '…' : '–';
  const worse = original && quantised ? quantised.nll > original.nll : false;
  return (
    <tr data-testid="quantised-row">
      <th scope="row" className={css.wrap}>
        <Term id="quantisation">{written ? wordsOf(written.result) : QUANTISED}</Term>
      </th>
      <td />
      <td data-testid="ppl-quantised">
        {quantised ? formatPruned(quantised.nll, original?.nll) : none}
      </td>
      <td className={signOf(worse)}>
        {change && (
          <>
            {change} <span className={kit.hidden}>{worse ? RESULT.worse : RESULT.better}</span>
          </>
        )}
      </td>
    </tr>
  );
}

const signOf = (worse: boolean) => (worse ? kit.bad : kit.good);

interface RowProps {
  /** Of its cells, for tests. */
  id: string;
  name: ReactNode;
  from: number;
  /** Absent while it is not known yet. */
  to: number | undefined;
  format: (value: number) => string;
  /** Of the exact value in the cell's title. */
  unit?: string;
}

function Row({ id, name, from, to, format, unit = '' }: RowProps) {
  const exact = (value: number) => value.toLocaleString('en') + unit;
  const change = to === undefined ? '' : formatChange(from, to);
  return (
    <tr>
      <th scope="row">{name}</th>
      <td data-testid={`${id}-original`} title={exact(from)}>
        {format(from)}
      </td>
      <td data-testid={`${id}-pruned`} title={to === undefined ? undefined : exact(to)}>
        {to === undefined ? '…' : format(to)}
      </td>
      <td className={signOf(to !== undefined && to > from)}>{change}</td>
    </tr>
  );
}
