// The columns of the Variants table.

import { formatBytes } from '../../quantities.ts';
import type { VariantRow } from '../../state/variants/variants.ts';
import { formatPpl, formatRate, formatShort } from '../format.ts';

interface Column {
  id: string;
  title: string;
  /** What it is, where the title is short. */
  hint?: string;
  value(row: VariantRow): number | null;
  text(row: VariantRow): string;
}

export const COLUMNS: readonly Column[] = [
  { id: 'blocks', title: 'blocks', value: (row) => row.blocks, text: (row) => String(row.blocks) },
  {
    id: 'ppl',
    title: 'PPL',
    value: (row) => row.nll,
    text: (row) => (row.nll === null ? '–' : formatPpl(row.nll)),
  },
  {
    id: 'toks',
    title: 'tok/s',
    value: (row) => row.measure?.speed.throughput.mean ?? row.predicted,
    text: (row) => {
      if (row.measure) return formatRate(row.measure.speed.throughput.mean);
      return row.predicted === null ? '–' : `≈ ${formatRate(row.predicted)}`;
    },
  },
  {
    id: 'gain',
    title: 'gain',
    value: (row) => row.gain,
    text: (row) => (row.gain === null ? '–' : `${row.gain.toFixed(2)} ×`),
  },
  {
    id: 'decode',
    title: 'decode',
    hint: 'tokens per second after the first token',
    value: (row) => row.measure?.speed.decode?.mean ?? null,
    text: (row) => (row.measure?.speed.decode ? formatRate(row.measure.speed.decode.mean) : '–'),
  },
  {
    id: 'ttft',
    title: 'TTFT',
    hint: 'time to the first token',
    value: (row) => row.measure?.speed.ttft.mean ?? null,
    text: (row) => (row.measure ? formatShort(row.measure.speed.ttft.mean) : '–'),
  },
  {
    id: 'size',
    title: 'size',
    hint: 'size of graph and weights on disk',
    value: (row) => row.fileBytes,
    text: (row) => formatBytes(row.fileBytes),
  },
  {
    id: 'device',
    title: 'device memory',
    hint: 'bytes held on the device during a run',
    value: (row) => row.measure?.deviceBytes ?? null,
    text: (row) => (row.measure ? formatBytes(row.measure.deviceBytes) : '–'),
  },
];
