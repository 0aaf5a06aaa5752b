// Two pinned variants side by side, with the change from the first to the second.

import { formatBytes } from '../../quantities.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { comparison } from '../../state/variants/variants.ts';
import { formatChange, formatPpl, formatRate, formatShort } from '../format.ts';
import { ComparedHead } from '../kit/ComparedHead.tsx';
import kit from '../kit/kit.module.css';
import { useActions, useStudio } from '../studioContext.ts';
import css from './variants.module.css';

export function VariantComparison() {
  const found = useStudio(comparison);
  const actions = useActions();
  if (!found) return null;
  const { a, b, onlyA, onlyB, speedsCompare } = found;
  const lines: [
    name: string,
    from: number | null,
    to: number | null,
    format: (value: number) => string,
    more: boolean,
  ][] = [
    [
      'perplexity',
      a.nll === null ? null : Math.exp(a.nll),
      b.nll === null ? null : Math.exp(b.nll),
      (v) => formatPpl(Math.log(v)),
      false,
    ],
    [
      'tok/s',
      a.measure?.speed.throughput.mean ?? null,
      b.measure?.speed.throughput.mean ?? null,
      formatRate,
      true,
    ],
    [
      'TTFT',
      a.measure?.speed.ttft.mean ?? null,
      b.measure?.speed.ttft.mean ?? null,
      formatShort,
      false,
    ],
    ['size', a.fileBytes, b.fileBytes, formatBytes, false],
    [
      'device memory',
      a.measure?.deviceBytes ?? null,
      b.measure?.deviceBytes ?? null,
      formatBytes,
      false,
    ],
  ];
  const isSpeed = (name: string) => name === 'tok/s' || name === 'TTFT';
  return (
    <section className={css.compare} aria-label="Comparison of two variants" data-testid="compare">
      <table>
        <ComparedHead from={a.name} to={b.name} />
        <tbody>
          {lines.map(([name, from, to, format, more]) => {
            const change =
              from !== null && to !== null && (speedsCompare || !isSpeed(name))
                ? formatChange(from, to)
                : '';
            const better = from !== null && to !== null && to > from === more;
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{from === null ? '–' : format(from)}</td>
                <td>{to === null ? '–' : format(to)}</td>
                <td className={better ? kit.good : kit.bad}>{change}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p className={kit.sub}>
        {onlyA.length > 0 && `Removed only in ${a.name}: ${listUnits(onlyA)}. `}
        {onlyB.length > 0 && `Removed only in ${b.name}: ${listUnits(onlyB)}. `}
        {!speedsCompare &&
          a.measure &&
          b.measure &&
          'Their speeds were measured differently and cannot be compared.'}
      </p>
      <button
        type="button"
        className={kit.quiet}
        onClick={() => [a, b].map((row) => actions.pinVariant(row.key))}
      >
        Unpin both
      </button>
    </section>
  );
}
