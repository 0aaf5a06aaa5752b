// The variants table as CSV and JSON, with units, settings and device, so that numbers can be read
// without the page. Pure.

import type { ScoreResult } from '../../contract/score.ts';
import { type Cell, csvOf, finite } from '../../csv.ts';
import { healedWords } from '../../words/healing.ts';
import { wordsOf } from '../quantise/selectors.ts';
import type { VariantRow } from './variants.ts';

export interface FileContext {
  /** Windows, settings and device of the perplexities; null before scoring. */
  score: ScoreResult | null;
  /** Which rows the accuracies over tasks are of. */
  tasks?: string | undefined;
  /** ISO 8601. */
  date: string;
}

export interface TableContext extends FileContext {
  /** Name of the model's folder and the graph within it. */
  model: string;
  graph: string;
  app: string;
}

const COLUMNS = [
  'name',
  'removed',
  'blocks',
  'nll_nats',
  'ppl',
  'throughput_mean_tok_per_s',
  'throughput_median_tok_per_s',
  'throughput_min_tok_per_s',
  'throughput_max_tok_per_s',
  'gain',
  'decode_tok_per_s',
  'prefill_tok_per_s',
  'ttft_s',
  'latency_s',
  'load_s',
  'file_bytes',
  'device_bytes',
  'protocol',
  'device',
  'runtime',
  'cache',
  'ppl_text',
  'ppl_windows',
  'ppl_window_tokens',
  'ppl_device',
  'date',
  'gain_low',
  'gain_high',
  'rebased_tok_per_s',
  'healing',
  'quantisation',
  'folder',
  'tasks_mean',
  'tasks_mean_difference',
  'tasks_mean_difference_low',
  'tasks_mean_difference_high',
  'tasks',
] as const;

function cellsOf(
  row: VariantRow,
  { score, tasks, date }: FileContext,
): Record<(typeof COLUMNS)[number], Cell> {
  const { measure } = row;
  const speed = measure?.speed;
  // Perplexities of the table are all of the current curve.
  const of = row.nll === null ? null : score;
  return {
    name: row.name,
    removed: row.removed.join(' '),
    blocks: row.blocks,
    nll_nats: row.nll,
    ppl: row.nll === null ? null : finite(Math.exp(row.nll)),
    throughput_mean_tok_per_s: speed?.throughput.mean ?? null,
    throughput_median_tok_per_s: speed?.throughput.median ?? null,
    throughput_min_tok_per_s: speed?.throughput.min ?? null,
    throughput_max_tok_per_s: speed?.throughput.max ?? null,
    gain: row.gain,
    decode_tok_per_s: speed?.decode?.mean ?? null,
    prefill_tok_per_s: speed?.prefill.mean ?? null,
    ttft_s: speed?.ttft.mean ?? null,
    latency_s: speed?.latency.mean ?? null,
    load_s: measure?.loads[0] ?? null,
    file_bytes: row.fileBytes,
    device_bytes: measure?.deviceBytes ?? null,
    protocol: row.protocol,
    device: measure?.info.device.name ?? '',
    runtime: measure?.info.runtime ?? '',
    cache: measure?.info.cache ?? '',
    ppl_text: of?.settings.text ?? '',
    ppl_windows: of?.windows.length ?? null,
    ppl_window_tokens: of?.windows[0]?.length ?? null,
    ppl_device: of?.device.name ?? '',
    date,
    gain_low: row.ci95?.[0] ?? null,
    gain_high: row.ci95?.[1] ?? null,
    rebased_tok_per_s: row.rebased?.throughput ?? null,
    healing: row.healing ? healedWords(row.healing.methods) : '',
    quantisation: row.quantised ? wordsOf(row.quantised) : '',
    folder: row.folder?.name ?? '',
    tasks_mean: row.tasks?.mean ?? null,
    tasks_mean_difference: row.tasks?.difference?.value ?? null,
    tasks_mean_difference_low: row.tasks?.difference?.ci95[0] ?? null,
    tasks_mean_difference_high: row.tasks?.difference?.ci95[1] ?? null,
    tasks: (row.tasks && tasks) ?? '',
  };
}

export function variantsCsv(rows: readonly VariantRow[], context: FileContext): string {
  const cells = rows.map((row) => cellsOf(row, context));
  return csvOf({
    columns: COLUMNS.map((name) => ({ name })),
    rows: cells.map((cell) => COLUMNS.map((column) => cell[column])),
  });
}

/** Everything that the table holds, every run included. */
export function variantsJson(
  rows: readonly VariantRow[],
  { model, graph, score, tasks, app, date }: TableContext,
): string {
  const perplexity = score && {
    settings: score.settings,
    windows: score.windows,
    device: score.device,
    selfTest: score.selfTest,
  };
  const variants = rows.map((row) => ({
    name: row.name,
    removed: row.removed,
    blocks: row.blocks,
    nll: row.nll,
    ppl: row.nll === null ? null : finite(Math.exp(row.nll)),
    fileBytes: row.fileBytes,
    ...(row.tasks && { tasks: { ...row.tasks, of: tasks } }),
    ...(row.folder && { folder: row.folder }),
    ...(row.healing && { healing: { id: row.healing.id, ...row.healing.record } }),
    ...(row.quantised && {
      quantisation: { dtype: row.quantised.dtype, ...row.quantised.quantisation },
    }),
    speed: row.measure && {
      ...(row.speedIsOfPruned && { withoutHealing: true }),
      ...row.measure.speed,
      gain: row.gain,
      gainInterval: row.ci95,
      rebasedTokensPerSecond: row.rebased?.throughput ?? null,
      settings: row.settings,
      device: row.measure.info.device,
      runtime: row.measure.info.runtime,
      cache: row.measure.info.cache,
      loads: row.measure.loads,
      deviceBytes: row.measure.deviceBytes,
      runs: row.measure.samples.map(({ ttft, seconds, promptTokens, tokens, batch }) => ({
        ttft,
        seconds,
        promptTokens,
        tokens,
        batch,
      })),
    },
  }));
  return `${JSON.stringify({ app, date, model, graph, perplexity, variants }, null, 2)}\n`;
}
