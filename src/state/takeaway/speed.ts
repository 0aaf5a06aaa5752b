// Speeds, batch sweeps and variants as tables. Pure.

import type { MeasureResult, SweepPoint, VariantMeasure } from '../../contract/speed.ts';
import type { Cell } from '../../csv.ts';
import { formatUnits } from '../../units.ts';
import { VERSION } from '../../version.ts';
import { columnHeads as heads } from '../../words/takeaway/files.ts';
import { deviceName } from '../device/selectors.ts';
import { healingWords } from '../heal/selectors.ts';
import { quantisingWords } from '../quantise/selectors.ts';
import { measuredOn, noNumbers } from '../score/selectors.ts';
import { sides } from '../speed/prediction.ts';
import { protocolWords } from '../speed/settings.ts';
import type { Measured as MeasuredSpeed } from '../speed/state.ts';
import type { StudioState } from '../state.ts';
import { rowsOfMeans } from '../tasks/means.ts';
import { variantsCsv, variantsJson } from '../variants/file.ts';
import { tableRows } from '../variants/folderRows.ts';
import { healingOfKey, quantisedOfKey } from '../variants/names.ts';
import type { VariantRow } from '../variants/variants.ts';
import type { Maker } from './maker.ts';
import { pplOf, type Table } from './table.ts';

const SPEED_COLUMNS: Table['columns'] = [
  { name: 'model', head: heads.model, kind: 'text' },
  { name: 'removed', head: heads.plan, kind: 'text' },
  { name: 'throughput_mean_tok_per_s', head: heads.rate, kind: 'rate' },
  { name: 'throughput_median_tok_per_s', kind: 'rate' },
  { name: 'throughput_min_tok_per_s', head: heads.min, kind: 'rate' },
  { name: 'throughput_max_tok_per_s', head: heads.max, kind: 'rate' },
  { name: 'gain', head: heads.gain, kind: 'gain' },
  { name: 'gain_low', head: heads.low, kind: 'gain' },
  { name: 'gain_high', head: heads.high, kind: 'gain' },
  { name: 'decode_tok_per_s', head: heads.decode, kind: 'rate' },
  { name: 'prefill_tok_per_s', head: heads.prefill, kind: 'rate' },
  { name: 'ttft_s', head: heads.ttft, kind: 'seconds' },
  { name: 'latency_s', kind: 'seconds' },
  { name: 'load_s', kind: 'seconds' },
  { name: 'file_bytes', head: heads.size, kind: 'bytes' },
  { name: 'device_bytes', head: heads.deviceMemory, kind: 'bytes' },
  { name: 'protocol', kind: 'text' },
  { name: 'device', kind: 'text' },
  { name: 'runtime', kind: 'text' },
  { name: 'cache', kind: 'text' },
];

function speedCells(
  model: string,
  { info, removed, speed, loads, deviceBytes }: VariantMeasure,
  { gain, settings }: MeasureResult,
  isPruned: boolean,
): Cell[] {
  return [
    model,
    formatUnits(removed),
    speed.throughput.mean,
    speed.throughput.median,
    speed.throughput.min,
    speed.throughput.max,
    isPruned ? (gain?.ratio ?? null) : null,
    isPruned ? (gain?.ci95[0] ?? null) : null,
    isPruned ? (gain?.ci95[1] ?? null) : null,
    speed.decode?.mean ?? null,
    speed.prefill.mean,
    speed.ttft.mean,
    speed.latency.mean,
    loads[0] ?? null,
    info.fileBytes,
    deviceBytes,
    protocolWords(settings),
    deviceName(info.device),
    info.runtime,
    info.cache,
  ];
}

/** Every measurement, newest first, each with the original that it was measured in turn with. */
function speedTable({ speed }: StudioState): Table {
  const newest = [...speed.known.values()].reverse();
  return {
    columns: SPEED_COLUMNS,
    rows: newest.flatMap(({ result }) => [
      ...(result.original ? [speedCells(heads.original, result.original, result, false)] : []),
      ...(result.pruned ? [speedCells(heads.pruned, result.pruned, result, true)] : []),
    ]),
  };
}

const runsOf = (one: MeasuredSpeed) => ({
  removed: one.removed,
  healing: one.healing,
  settings: one.result.settings,
  interleaved: one.result.interleaved,
  notes: one.result.notes,
  runs: sides(one).map(({ removed, samples }) => ({
    removed,
    samples: samples.map(({ ttft, seconds, promptTokens, tokens, batch }) => ({
      ttft,
      seconds,
      promptTokens,
      tokens,
      batch,
    })),
  })),
});

export const speed: Maker = {
  table: speedTable,
  measured({ speed: { known } }) {
    const all = [...known.values()];
    const newest = all.at(-1);
    const side = newest && sides(newest)[0];
    return {
      settings: { measurements: all.map(runsOf) },
      device: side?.info.device ?? null,
      words:
        newest && side
          ? `${protocolWords(newest.result.settings)}, ${deviceName(side.info.device)}`
          : '',
    };
  },
};

function sweepTable({ speed: { sweep } }: StudioState): Table {
  const result = sweep.shown?.result;
  const row = (model: string, { batch, latency, throughput }: SweepPoint): Cell[] => [
    model,
    batch,
    latency.mean,
    latency.min,
    latency.max,
    throughput.mean,
    throughput.min,
    throughput.max,
  ];
  return {
    columns: [
      { name: 'model', head: heads.model, kind: 'text' },
      { name: 'batch', head: heads.batch, kind: 'count' },
      { name: 'latency_mean_s', head: heads.latency, kind: 'seconds' },
      { name: 'latency_min_s', kind: 'seconds' },
      { name: 'latency_max_s', kind: 'seconds' },
      { name: 'throughput_mean_tok_per_s', head: heads.rate, kind: 'rate' },
      { name: 'throughput_min_tok_per_s', kind: 'rate' },
      { name: 'throughput_max_tok_per_s', kind: 'rate' },
    ],
    rows: [
      ...(result?.original ?? []).map((point) => row(heads.original, point)),
      ...(result?.pruned ?? []).map((point) => row(heads.pruned, point)),
    ],
  };
}

export const sweep: Maker = {
  table: sweepTable,
  measured({ speed: { sweep: one } }) {
    const result = one.shown?.result;
    return {
      settings: { ...result?.settings, removed: one.shown?.removed, stopped: result?.stopped },
      device: result?.device ?? null,
      words: result
        ? [protocolWords(result.settings), result.device && deviceName(result.device)]
            .filter(Boolean)
            .join(', ')
        : '',
    };
  },
};

const known = (state: StudioState): VariantRow[] =>
  tableRows(state).filter((row) => row.nll !== null || row.measure !== null || row.tasks !== null);

function variantsTable(state: StudioState): Table {
  // Beside an original without numbers, a value that is not finite is none.
  const sound = noNumbers(state) === null;
  return {
    columns: [
      { name: 'name', head: heads.name, kind: 'text' },
      { name: 'removed', head: heads.plan, kind: 'text' },
      { name: 'blocks', head: heads.blocks, kind: 'count' },
      { name: 'nll_nats', head: heads.ppl, kind: 'nll' },
      { name: 'ppl', kind: 'number' },
      { name: 'gain', head: heads.gain, kind: 'gain' },
      { name: 'gain_low', head: heads.low, kind: 'gain' },
      { name: 'gain_high', head: heads.high, kind: 'gain' },
      { name: 'rebased_tok_per_s', head: heads.rebased, kind: 'rate' },
      { name: 'tasks_mean', head: heads.tasksMean, kind: 'share' },
      { name: 'file_bytes', head: heads.size, kind: 'bytes' },
      { name: 'protocol', head: heads.protocol, kind: 'text' },
      { name: 'healing', head: heads.healing, kind: 'text' },
      { name: 'quantisation', head: heads.quantisation, kind: 'text' },
      { name: 'folder', head: heads.folder, kind: 'text' },
    ],
    rows: known(state).map((row) => [
      row.name,
      formatUnits(row.removed),
      row.blocks,
      sound || Number.isFinite(row.nll) ? row.nll : null,
      pplOf(row.nll),
      row.gain,
      row.ci95?.[0] ?? null,
      row.ci95?.[1] ?? null,
      row.rebased?.throughput ?? null,
      row.tasks?.mean ?? null,
      row.fileBytes,
      row.protocol,
      healingWords(state, healingOfKey(row.key)),
      quantisingWords(state, quantisedOfKey(row.key)),
      row.folder?.name ?? '',
    ]),
  };
}

export const variants: Maker = {
  table: variantsTable,
  measured: (state) => ({
    settings: {},
    device: state.score.curve?.result.device ?? null,
    words: state.score.curve ? measuredOn(state) : '',
  }),
  csv: (state, when) => variantsCsv(known(state), contextOf(state, when)),
  json(state, when) {
    const { name = '', graph = '' } = state.model.current?.summary ?? {};
    const context = { ...contextOf(state, when), model: name, graph, app: VERSION };
    return variantsJson(known(state), context);
  },
};

const contextOf = (state: StudioState, when: Date) => ({
  score: state.score.curve?.result ?? null,
  tasks: rowsOfMeans(state) ?? undefined,
  date: when.toISOString(),
});
