// Two pinned variants side by side, with the change from the first to the second.

import type { ReactNode } from 'react';
import { formatBytes } from '../../quantities.ts';
import { formatBySpread, formatGain } from '../../spread.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { comparison } from '../../state/variants/comparison.ts';
import { gainOf, type VariantRow } from '../../state/variants/variants.ts';
import type { TermId } from '../../words/terms.ts';
import { COMPARED, onlyIn, pointsWords, VARIANTS } from '../../words/variants.ts';
import { formatChange, formatPpl, formatShort } from '../format.ts';
import { ComparedHead } from '../kit/ComparedHead.tsx';
import kit from '../kit/kit.module.css';
import { Term } from '../kit/Term.tsx';
import { useActions, useStudio } from '../studioContext.ts';
import css from './variants.module.css';

interface Line {
  name: keyof typeof COMPARED;
  term: TermId;
  of(row: VariantRow): number | null;
  format(value: number, row: VariantRow): string;
  /** Whether a higher value is better. */
  more: boolean;
  ofSpeed?: true;
  /** Left out where neither has it. */
  ifKnown?: true;
  /** In words, where it is no share of the first. */
  change?(from: number, to: number): string;
}

const LINES: readonly Line[] = [
  {
    name: 'ppl',
    term: 'perplexity',
    of: ({ nll }) => (nll === null ? null : Math.exp(nll)),
    format: (value) => formatPpl(Math.log(value)),
    more: false,
  },
  {
    name: 'tasks',
    term: 'tasksMean',
    of: ({ tasks }) => tasks?.mean ?? null,
    format: (value) => `${(100 * value).toFixed(1)} %`,
    change: (from, to) => pointsWords(100 * (to - from)),
    ifKnown: true,
    more: true,
  },
  {
    name: 'gain',
    term: 'gain',
    of: gainOf,
    format: (value, { ci95 }) => formatGain(value, ci95 ?? [value, value]),
    more: true,
    ofSpeed: true,
  },
  {
    name: 'toks',
    term: 'rebased',
    of: ({ rebased }) => rebased?.throughput ?? null,
    format: (value, { rebased }) => formatBySpread(value, rebased?.ends ?? [value, value]),
    more: true,
    ofSpeed: true,
  },
  {
    name: 'ttft',
    term: 'ttft',
    of: ({ rebased }) => rebased?.ttft ?? null,
    format: formatShort,
    more: false,
    ofSpeed: true,
  },
  {
    name: 'size',
    term: 'size',
    of: ({ fileBytes }) => fileBytes,
    format: formatBytes,
    more: false,
  },
  {
    name: 'device',
    term: 'deviceMemory',
    of: ({ measure }) => measure?.deviceBytes ?? null,
    format: formatBytes,
    more: false,
  },
];

export function VariantComparison() {
  const found = useStudio(comparison);
  const actions = useActions();
  if (!found) return null;
  const { a, b, onlyA, onlyB, speedsCompare } = found;
  return (
    <section className={css.compare} aria-label={VARIANTS.comparison} data-testid="compare">
      <table>
        <ComparedHead from={a.name} to={b.name} />
        <tbody>
          {LINES.filter(({ ifKnown, of }) => !ifKnown || of(a) !== null || of(b) !== null).map(
            (line) => (
              <Row
                key={line.name}
                line={line}
                a={a}
                b={b}
                compares={speedsCompare || line.ofSpeed === undefined}
              />
            ),
          )}
        </tbody>
      </table>
      <p className={kit.sub}>
        {onlyA.length > 0 && onlyIn(a.name, listUnits(onlyA))}
        {onlyB.length > 0 && onlyIn(b.name, listUnits(onlyB))}
        {!speedsCompare && a.measure && b.measure && VARIANTS.apart}
      </p>
      <button
        type="button"
        className={kit.quiet}
        onClick={() => [a, b].map((row) => actions.pinVariant(row.key))}
      >
        {VARIANTS.unpin}
      </button>
    </section>
  );
}

interface RowProps {
  line: Line;
  a: VariantRow;
  b: VariantRow;
  /** Whether a change says anything. */
  compares: boolean;
}

function Row({ line, a, b, compares }: RowProps): ReactNode {
  const { name, term, of, format, more } = line;
  const [from, to] = [of(a), of(b)];
  const change =
    from !== null && to !== null && compares ? (line.change ?? formatChange)(from, to) : '';
  const better = from !== null && to !== null && to > from === more;
  return (
    <tr>
      <th scope="row">
        <Term id={term}>{COMPARED[name]}</Term>
      </th>
      <td>{from === null ? '–' : format(from, a)}</td>
      <td>{to === null ? '–' : format(to, b)}</td>
      <td className={better ? kit.good : kit.bad}>{change}</td>
    </tr>
  );
}
