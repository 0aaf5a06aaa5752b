// The other numbers of a speed measurement, original beside pruned.

import { mean } from '../../analysis/perplexity.ts';
import type { Stat } from '../../analysis/speed.ts';
import type { VariantMeasure } from '../../contract/speed.ts';
import { formatBytes } from '../../quantities.ts';
import { formatBySpread } from '../../spread.ts';
import { speedView } from '../../state/speed/selectors.ts';
import { medianAndRange, SPEED_ROWS } from '../../words/speed.ts';
import type { TermId } from '../../words/terms.ts';
import { formatChange, formatShort } from '../format.ts';
import { ComparedHead } from '../kit/ComparedHead.tsx';
import kit from '../kit/kit.module.css';
import css from '../kit/plainTable.module.css';
import { Term } from '../kit/Term.tsx';
import { useStudio } from '../studioContext.ts';

interface Line {
  id: string;
  term: TermId;
  name: string;
  of(measure: VariantMeasure): number | null;
  /** The runs, for the cell's title. */
  stat?(measure: VariantMeasure): Stat | null;
  /** With as many digits as the range of the runs allows. */
  format(value: number, stat?: Stat | null): string;
  /** Whether a higher value is better. */
  more: boolean;
}

const rate = (value: number, stat?: Stat | null) =>
  formatBySpread(value, stat ? [stat.min, stat.max] : [value, value], 2);

const LINES: readonly Line[] = [
  {
    id: 'ttft',
    term: 'ttft',
    name: SPEED_ROWS.ttft,
    of: ({ speed }) => speed.ttft.mean,
    stat: ({ speed }) => speed.ttft,
    format: formatShort,
    more: false,
  },
  {
    id: 'decode',
    term: 'decode',
    name: SPEED_ROWS.decode,
    of: ({ speed }) => speed.decode?.mean ?? null,
    stat: ({ speed }) => speed.decode,
    format: rate,
    more: true,
  },
  {
    id: 'prefill',
    term: 'prefill',
    name: SPEED_ROWS.prefill,
    of: ({ speed }) => speed.prefill.mean,
    stat: ({ speed }) => speed.prefill,
    format: rate,
    more: true,
  },
  {
    id: 'load',
    term: 'loadTime',
    name: SPEED_ROWS.load,
    of: ({ loads }) => (loads.length ? mean(loads) : null),
    format: formatShort,
    more: false,
  },
  {
    id: 'device-bytes',
    term: 'deviceMemory',
    name: SPEED_ROWS.deviceMemory,
    of: ({ deviceBytes }) => deviceBytes,
    format: formatBytes,
    more: false,
  },
];

export function SpeedTable() {
  const { original, pruned, stale } = useStudio(speedView);
  return (
    <table className={`${css.table} ${css.compact}`}>
      <ComparedHead />
      <tbody>
        {LINES.map((line) => (
          <Row key={line.id} line={line} original={original} pruned={pruned} stale={stale} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  line: Line;
  original: VariantMeasure | null;
  pruned: VariantMeasure | null;
  stale: boolean;
}

function Row({ line, original, pruned, stale }: RowProps) {
  const from = original && line.of(original);
  const to = pruned && line.of(pruned);
  const change = from !== null && to !== null ? formatChange(from, to) : '';
  const better = from !== null && to !== null && to > from === line.more;
  const sign = better ? kit.good : kit.bad;
  return (
    <tr>
      <th scope="row">
        <Term id={line.term}>{line.name}</Term>
      </th>
      <td data-testid={`${line.id}-original`} title={range(line, original)}>
        {from === null ? '–' : line.format(from, original && line.stat?.(original))}
      </td>
      <td
        data-testid={`${line.id}-pruned`}
        title={range(line, pruned)}
        data-stale={stale}
        className={stale ? kit.stale : undefined}
      >
        {to === null ? '–' : line.format(to, pruned && line.stat?.(pruned))}
      </td>
      <td className={stale ? kit.stale : sign}>{change}</td>
    </tr>
  );
}

function range({ stat, format }: Line, measure: VariantMeasure | null): string | undefined {
  const found = measure && stat?.(measure);
  return found
    ? medianAndRange(measure.speed.runs, format(found.median), format(found.min), format(found.max))
    : undefined;
}
