// The columns of the Variants table.

import { formatBytes } from '../../quantities.ts';
import { formatBySpread, formatGain } from '../../spread.ts';
import { gainOf, type VariantRow } from '../../state/variants/variants.ts';
import type { TermId } from '../../words/terms.ts';
import type { COLUMN_TITLES } from '../../words/variants.ts';
import { formatOriginal, formatPpl, formatShort } from '../format.ts';

export interface Column {
  id: keyof typeof COLUMN_TITLES;
  /** What explains the head. */
  term: TermId;
  /** Shown where a row has it. */
  ifKnown?: true;
  /** Compares only with rows that were measured in the same way. */
  ofSpeed?: true;
  value(row: VariantRow): number | null;
  /** @param sound whether the original gives numbers */
  text(row: VariantRow, sound: boolean): string;
}

/** The columns of a table with these rows. */
export const columnsOf = (rows: readonly VariantRow[]): readonly Column[] =>
  COLUMNS.filter(({ ifKnown, value }) => !ifKnown || rows.some((row) => value(row) !== null));

/** Columns whose value is predicted until a row is measured. */
export const isPredicted = ({ id }: Column, row: VariantRow): boolean =>
  (id === 'gain' || id === 'toks') && !row.measure && row.predictedGain !== null;

const none = '–';

const formatShare = (share: number): string => `${(100 * share).toFixed(1)} %`;

const rate = (value: number) => formatBySpread(value, [value, value]);

/** As it was measured, times what brings it onto the one original; digits as Speed shows them. */
function decodeWords({ rebased, measure }: VariantRow): string {
  const stat = measure?.speed.decode;
  if (!stat) return none;
  const scale = rebased?.decode ? rebased.decode / stat.mean : 1;
  return formatBySpread(stat.mean * scale, [stat.min * scale, stat.max * scale], 2);
}

export const COLUMNS: readonly Column[] = [
  {
    id: 'gain',
    term: 'gain',
    ofSpeed: true,
    value: (row) => gainOf(row) ?? row.predictedGain,
    text: (row) => {
      const gain = gainOf(row);
      if (gain !== null) return formatGain(gain, row.ci95 ?? [gain, gain]);
      return row.predictedGain === null ? none : `≈ ${row.predictedGain.toFixed(2)} ×`;
    },
  },
  {
    id: 'ppl',
    term: 'perplexity',
    value: (row) => row.nll,
    text: ({ key, nll }, sound) => {
      if (nll === null) return none;
      return key === '' || !sound ? formatOriginal(nll) : formatPpl(nll);
    },
  },
  {
    id: 'tasks',
    term: 'tasksMean',
    ifKnown: true,
    value: ({ tasks }) => tasks?.mean ?? null,
    text: ({ tasks }) => (tasks ? formatShare(tasks.mean) : none),
  },
  {
    id: 'toks',
    term: 'rebased',
    ofSpeed: true,
    value: (row) => row.rebased?.throughput ?? row.measure?.speed.throughput.mean ?? row.predicted,
    text: ({ rebased, measure, predicted }) => {
      if (rebased) return formatBySpread(rebased.throughput, rebased.ends);
      // Not paired: as it was measured, and marked so.
      if (measure) {
        const { mean, min, max } = measure.speed.throughput;
        return formatBySpread(mean, [min, max]);
      }
      return predicted === null ? none : `≈ ${rate(predicted)}`;
    },
  },
  {
    id: 'decode',
    term: 'decode',
    ofSpeed: true,
    value: ({ rebased, measure }) =>
      rebased ? rebased.decode : (measure?.speed.decode?.mean ?? null),
    text: decodeWords,
  },
  {
    id: 'ttft',
    term: 'ttft',
    ofSpeed: true,
    value: ({ rebased, measure }) => rebased?.ttft ?? measure?.speed.ttft.mean ?? null,
    text: ({ rebased, measure }) => {
      const ttft = rebased?.ttft ?? measure?.speed.ttft.mean ?? null;
      return ttft === null ? none : formatShort(ttft);
    },
  },
  {
    id: 'size',
    term: 'size',
    value: (row) => row.fileBytes,
    text: (row) => (row.fileBytes === null ? none : formatBytes(row.fileBytes)),
  },
  {
    id: 'device',
    term: 'deviceMemory',
    value: (row) => row.measure?.deviceBytes ?? null,
    text: (row) => (row.measure ? formatBytes(row.measure.deviceBytes) : none),
  },
  { id: 'blocks', term: 'block', value: (row) => row.blocks, text: (row) => String(row.blocks) },
];
