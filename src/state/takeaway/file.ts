// What leaves the page as a file: its name, and JSON with the model, the settings and the device.

import { csvOf } from '../../csv.ts';
import type { ModelSummary } from '../../model/open/summary.ts';
import { VERSION } from '../../version.ts';
import { activeHealing } from '../heal/selectors.ts';
import type { StudioState } from '../state.ts';
import type { Maker } from './maker.ts';
import { objectsOf } from './table.ts';
import type { Takeaway } from './takeaways.ts';

/** Of JSON files of this form; docs/formats.md describes it. */
const FORMAT = 'espalier-data';
const FORMAT_VERSION = 1;

/** "austen-importance-20260314.csv", dated as the person's clock has it. */
export function fileName(model: string, what: string, when: Date, extension: string): string {
  const base = model.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '') || 'model';
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${when.getFullYear()}${two(when.getMonth() + 1)}${two(when.getDate())}`;
  return `${base}-${what}-${day}.${extension}`;
}

export const csvFile = (maker: Maker, state: StudioState, when: Date): string =>
  maker.csv?.(state, when) ?? csvOf(maker.table(state));

/** The table with everything that its numbers must be read with. */
export function jsonFile(
  { id, title }: Pick<Takeaway, 'id' | 'title'>,
  maker: Maker,
  state: StudioState,
  when: Date,
): string {
  if (maker.json) return maker.json(state, when);
  const { settings, device } = maker.measured(state);
  const { current } = state.model;
  const file = {
    format: FORMAT,
    version: FORMAT_VERSION,
    app: VERSION,
    date: when.toISOString(),
    what: id,
    title,
    model: current && modelRecord(current.summary),
    plan: planRecord(state),
    settings,
    device,
    rows: objectsOf(maker.table(state)),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** The plan, with what its healing was made by and what that measured. */
function planRecord(state: StudioState) {
  const { removed, locked } = state.plan.present;
  const healing = activeHealing(state);
  return {
    removed,
    locked,
    ...(healing && { healing: { id: healing.id, ...healing.record } }),
  };
}

/** What tells the model from others without its files. */
const modelRecord = ({
  name,
  graph,
  family,
  exporter,
  dtype,
  numBlocks,
  params,
  bytes,
}: ModelSummary) => ({ name, graph, family, exporter, dtype, numBlocks, params, bytes });
