// The table of what can be taken away: for each panel its tables and charts. Loaded with the page,
// so it knows when there is something, and loads the makers on request.

import { takeawayTitles as titles } from '../../words/takeaway.ts';
import { knownCriteria } from '../criteria/selectors.ts';
import { hasPaths } from '../search/selectors.ts';
import { stabilityView } from '../stability/selectors.ts';
import type { StudioState } from '../state.ts';
import { currentSublayers } from '../sublayers/selectors.ts';
import { variantRows } from '../variants/variants.ts';
import type { Maker } from './maker.ts';

export interface Takeaway {
  /** In the names of files. */
  id: string;
  /** The panel whose menu offers it. */
  panel: string;
  title: string;
  /** It has a chart of the same id in `ui/takeaway/figures.tsx`. */
  chart: boolean;
  /** Whether there is anything to take away yet. */
  shown(state: StudioState): boolean;
  make(): Promise<Maker>;
}

const scores = () => import('./scores.ts');
const compare = () => import('./compare.ts');
const quality = () => import('./quality.ts');
const speeds = () => import('./speed.ts');

export const TAKEAWAYS = [
  {
    id: 'importance',
    panel: 'importance',
    title: titles.importance,
    chart: true,
    shown: ({ score }) => score.curve !== null || score.stopped !== null,
    make: async () => (await scores()).importance,
  },
  {
    id: 'sublayers',
    panel: 'importance',
    title: titles.sublayers,
    chart: true,
    shown: (state) => currentSublayers(state) !== null,
    make: async () => (await scores()).sublayers,
  },
  {
    id: 'architecture',
    panel: 'architecture',
    title: titles.architecture,
    chart: true,
    shown: ({ model }) => model.current !== null,
    make: async () => (await scores()).architecture,
  },
  {
    id: 'criteria',
    panel: 'criteria',
    title: titles.criteria,
    chart: true,
    shown: (state) => state.criteria.compared && knownCriteria(state).length > 0,
    make: async () => (await compare()).criteria,
  },
  {
    id: 'search',
    panel: 'search',
    title: titles.search,
    chart: true,
    shown: hasPaths,
    make: async () => (await compare()).search,
  },
  {
    id: 'stability',
    panel: 'stability',
    title: titles.stability,
    chart: true,
    shown: (state) => stabilityView(state) !== null,
    make: async () => (await compare()).stability,
  },
  {
    id: 'evaluation',
    panel: 'evaluate',
    title: titles.evaluation,
    chart: false,
    shown: ({ evaluate }) => evaluate.results.length > 0,
    make: async () => (await quality()).evaluate,
  },
  {
    id: 'texts',
    panel: 'generate',
    title: titles.texts,
    chart: false,
    shown: ({ generate: { shown, running } }) =>
      !running && (shown?.sides.original ?? shown?.sides.pruned) !== undefined,
    make: async () => (await quality()).generate,
  },
  {
    id: 'speed',
    panel: 'speed',
    title: titles.speed,
    chart: true,
    shown: ({ speed }) => speed.known.size > 0,
    make: async () => (await speeds()).speed,
  },
  {
    id: 'sweep',
    panel: 'speed',
    title: titles.sweep,
    chart: true,
    shown: ({ speed }) => speed.sweep.shown !== null,
    make: async () => (await speeds()).sweep,
  },
  {
    id: 'variants',
    panel: 'variants',
    title: titles.variants,
    chart: true,
    shown: (state) => variantRows(state).some(({ nll, measure }) => nll !== null || measure),
    make: async () => (await speeds()).variants,
  },
] as const satisfies readonly Takeaway[];

/** Those that have a chart. */
export type FigureId = Extract<(typeof TAKEAWAYS)[number], { chart: true }>['id'];
