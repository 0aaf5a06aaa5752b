// The table of what can be taken away: for each panel its tables and charts. Loaded with the page,
// to know when there is something; what makes it (`makers.ts`) comes with the menu.

import { takeawayTitles as titles } from '../../words/takeaway/menu.ts';
import { knownCriteria } from '../criteria/selectors.ts';
import { shownHealing, trainingCurve } from '../heal/selectors.ts';
import { shownQuantisation } from '../quantise/selectors.ts';
import { hasPaths } from '../search/selectors.ts';
import { stabilityView } from '../stability/selectors.ts';
import type { StudioState } from '../state.ts';
import { currentSublayers } from '../sublayers/selectors.ts';
import { hasAnswers } from '../tasks/means.ts';
import { variantRows } from '../variants/variants.ts';
import { widthView } from '../width/selectors.ts';

interface TakeawaySpec {
  /** In the names of files. */
  id: string;
  /** The panel whose menu offers it. */
  panel: string;
  title: string;
  /** It has a chart of the same id in `ui/takeaway/figures.tsx`. */
  chart: boolean;
  /** Whether there is anything to take away yet. */
  shown(state: StudioState): boolean;
}

const TABLE = [
  {
    id: 'importance',
    panel: 'importance',
    title: titles.importance,
    chart: true,
    shown: ({ score }) => score.curve !== null || score.stopped !== null,
  },
  {
    id: 'sublayers',
    panel: 'importance',
    title: titles.sublayers,
    chart: true,
    shown: (state) => currentSublayers(state) !== null,
  },
  {
    id: 'architecture',
    panel: 'architecture',
    title: titles.architecture,
    chart: true,
    shown: ({ model }) => model.current !== null,
  },
  {
    id: 'criteria',
    panel: 'criteria',
    title: titles.criteria,
    chart: true,
    shown: (state) => state.criteria.compared && knownCriteria(state).length > 0,
  },
  {
    id: 'search',
    panel: 'search',
    title: titles.search,
    chart: true,
    shown: hasPaths,
  },
  {
    id: 'stability',
    panel: 'stability',
    title: titles.stability,
    chart: true,
    shown: (state) => stabilityView(state) !== null,
  },
  {
    id: 'healing',
    panel: 'healed',
    title: titles.healing,
    chart: false,
    shown: (state) => (shownHealing(state)?.record.measured.length ?? 0) > 0,
  },
  {
    id: 'losses',
    panel: 'healed',
    title: titles.losses,
    chart: true,
    shown: (state) => trainingCurve(state)?.running === null,
  },
  {
    id: 'quantisation',
    panel: 'quantised',
    title: titles.quantisation,
    chart: true,
    shown: (state) => (shownQuantisation(state)?.quantisation.record.measured.length ?? 0) > 0,
  },
  {
    id: 'matrices',
    panel: 'matrices',
    title: titles.matrices,
    chart: true,
    shown: (state) =>
      shownQuantisation(state)?.matrices.some(({ sensitivity }) => sensitivity !== null) ?? false,
  },
  {
    id: 'evaluation',
    panel: 'evaluate',
    title: titles.evaluation,
    chart: false,
    shown: ({ evaluate }) => evaluate.results.length > 0,
  },
  {
    id: 'tasks',
    panel: 'tasks',
    title: titles.tasks,
    chart: false,
    shown: ({ tasks }) => tasks.shown !== null,
  },
  {
    id: 'answers',
    panel: 'task-rows',
    title: titles.answers,
    chart: false,
    shown: ({ tasks }) => hasAnswers(tasks.shown),
  },
  {
    id: 'texts',
    panel: 'generate',
    title: titles.texts,
    chart: false,
    shown: ({ generate: { shown, running } }) =>
      !running && (shown?.sides.original ?? shown?.sides.pruned) !== undefined,
  },
  {
    id: 'speed',
    panel: 'speed',
    title: titles.speed,
    chart: true,
    shown: ({ speed }) => speed.known.size > 0,
  },
  {
    id: 'sweep',
    panel: 'speed',
    title: titles.sweep,
    chart: true,
    shown: ({ speed }) => speed.sweep.shown !== null,
  },
  {
    id: 'width',
    panel: 'width',
    title: titles.width,
    chart: true,
    shown: (state) => widthView(state) !== null,
  },
  {
    id: 'width-speeds',
    panel: 'width',
    title: titles.widthSpeeds,
    chart: true,
    shown: (state) => (widthView(state)?.batches.length ?? 0) > 0,
  },
  {
    id: 'variants',
    panel: 'variants',
    title: titles.variants,
    chart: true,
    shown: (state) => variantRows(state).some(({ nll, measure }) => nll !== null || measure),
  },
] as const satisfies readonly TakeawaySpec[];

export type TakeawayId = (typeof TABLE)[number]['id'];

/** Those that have a chart. */
export type FigureId = Extract<(typeof TABLE)[number], { chart: true }>['id'];

/** A row; its id has a maker, and a figure where it has a chart. */
export type Takeaway = TakeawaySpec & { readonly id: TakeawayId };

export const TAKEAWAYS: readonly Takeaway[] = TABLE;
