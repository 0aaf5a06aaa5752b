// The other numbers of a speed measurement, original beside pruned.

import { mean } from '../../analysis/perplexity.ts';
import type { Stat } from '../../analysis/speed.ts';
import type { VariantMeasure } from '../../contract/speed.ts';
import { formatBytes } from '../../quantities.ts';
import { speedView } from '../../state/speed/selectors.ts';
import { formatChange, formatRate, formatShort } from '../format.ts';
import { ComparedHead } from '../kit/ComparedHead.tsx';
import kit from '../kit/kit.module.css';
import css from '../kit/plainTable.module.css';
import { useStudio } from '../studioContext.ts';

interface Line {
  id: string;
  name: string;
  of(measure: VariantMeasure): number | null;
  /** The runs, for the cell's title. */
  stat?(measure: VariantMeasure): Stat | null;
  format(value: number): string;
  /** Whether a higher value is better. */
  more: boolean;
}

const LINES: readonly Line[] = [
  {
    id: 'ttft',
    name: 'TTFT',
    of: ({ speed }) => speed.ttft.mean,
    stat: ({ speed }) => speed.ttft,
    format: formatShort,
    more: false,
  },
  {
    id: 'decode',
    name: 'decode tok/s',
    of: ({ speed }) => speed.decode?.mean ?? null,
    stat: ({ speed }) => speed.decode,
    format: formatRate,
    more: true,
  },
  {
    id: 'prefill',
    name: 'prefill tok/s',
    of: ({ speed }) => speed.prefill.mean,
    stat: ({ speed }) => speed.prefill,
    format: formatRate,
    more: true,
  },
  {
    id: 'load',
    name: 'load time',
    of: ({ loads }) => (loads.length ? mean(loads) : null),
    format: formatShort,
    more: false,
  },
  {
    id: 'device-bytes',
    name: 'device memory',
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
      <th scope="row">{line.name}</th>
      <td data-testid={`${line.id}-original`} title={range(line, original)}>
        {from === null ? '–' : line.format(from)}
      </td>
      <td
        data-testid={`${line.id}-pruned`}
        title={range(line, pruned)}
        data-stale={stale}
        className={stale ? kit.stale : undefined}
      >
        {to === null ? '–' : line.format(to)}
      </td>
      <td className={stale ? kit.stale : sign}>{change}</td>
    </tr>
  );
}

function range({ stat, format }: Line, measure: VariantMeasure | null): string | undefined {
  const found = measure && stat?.(measure);
  return found
    ? `mean of ${measure.speed.runs} runs, median ${format(found.median)}, ` +
        `${format(found.min)} to ${format(found.max)}`
    : undefined;
}
