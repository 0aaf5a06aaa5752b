// Width against depth as tables: the variants, and their speeds by batch size. Pure.

import { formatUnits } from '../../units.ts';
import { columnHeads as heads } from '../../words/takeaway/files.ts';
import { deviceName } from '../device/selectors.ts';
import { protocolWords } from '../speed/settings.ts';
import type { StudioState } from '../state.ts';
import { widthView } from '../width/selectors.ts';
import type { Maker, Measured } from './maker.ts';
import { pplOf, type Table } from './table.ts';

function variantsTable(state: StudioState): Table {
  const view = widthView(state);
  return {
    columns: [
      { name: 'variant', head: heads.name, kind: 'text' },
      { name: 'removed', kind: 'text' },
      { name: 'parameters', head: heads.params, kind: 'count' },
      { name: 'removed_share', head: heads.removed, kind: 'share' },
      { name: 'nll_nats', head: heads.ppl, kind: 'nll' },
      { name: 'nll_low_nats', head: heads.low, kind: 'nll' },
      { name: 'nll_high_nats', head: heads.high, kind: 'nll' },
      { name: 'ppl', kind: 'number' },
      { name: 'file_bytes', head: heads.size, kind: 'bytes' },
    ],
    rows: (view?.rows ?? []).map((row) => [
      row.label,
      row.id === 'depth' ? formatUnits(view!.depth.removed) : '',
      row.params,
      row.removedShare,
      row.nll,
      row.nllEnds?.[0] ?? null,
      row.nllEnds?.[1] ?? null,
      pplOf(row.nll),
      row.fileBytes,
    ]),
  };
}

function speedsTable(state: StudioState): Table {
  const rows = widthView(state)?.rows ?? [];
  return {
    columns: [
      { name: 'variant', head: heads.name, kind: 'text' },
      { name: 'batch', head: heads.batch, kind: 'count' },
      { name: 'throughput_mean_tok_per_s', head: heads.rate, kind: 'rate' },
      { name: 'throughput_min_tok_per_s', head: heads.min, kind: 'rate' },
      { name: 'throughput_max_tok_per_s', head: heads.max, kind: 'rate' },
      { name: 'gain', head: heads.gain, kind: 'gain' },
      { name: 'gain_low', head: heads.low, kind: 'gain' },
      { name: 'gain_high', head: heads.high, kind: 'gain' },
      { name: 'latency_mean_s', kind: 'seconds' },
    ],
    rows: rows.flatMap(({ label, points }) =>
      points.map(({ batch, throughput, latency, gain }) => [
        label,
        batch,
        throughput.mean,
        throughput.min,
        throughput.max,
        gain?.ratio ?? null,
        gain?.ci95[0] ?? null,
        gain?.ci95[1] ?? null,
        latency.mean,
      ]),
    ),
  };
}

function measured({ width: { shown } }: StudioState): Measured {
  const speeds = shown?.speeds ?? null;
  const protocol = speeds && protocolWords(speeds.settings).replace(/, batch \d+$/, '');
  const device = shown?.device ?? speeds?.device ?? null;
  return {
    settings: {
      removed: shown?.depth.removed,
      multiple: shown?.multiple,
      flap_variance: shown?.flapVariance,
      nll_per_window: shown && [
        { variant: 'original', nll: shown.baseline.nllPerWindow },
        ...shown.plans.map(({ removed, nllPerWindow }) => ({ removed, nll: nllPerWindow })),
        ...shown.outcomes.map(({ method, measure, compensated }) => ({
          variant: method,
          nll: measure.nllPerWindow,
          ...(compensated && { nll_compensated: compensated.nllPerWindow }),
        })),
      ],
      speed: speeds && { ...speeds.settings, open_at_once: speeds.arranged },
      notes: [...(shown?.notes ?? []), ...(speeds?.notes ?? [])],
    },
    device,
    words: [protocol, device && deviceName(device)].filter(Boolean).join(', '),
  };
}

export const width: Maker = { table: variantsTable, measured };

export const widthSpeeds: Maker = { table: speedsTable, measured };
