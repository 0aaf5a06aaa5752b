// The form of a healing: what it asks for, what is wrong with it.

import type { HealMethod, HealRequest, HealSettings } from '../../contract/heal.ts';
import {
  defaultRate,
  MOST_RANK,
  MOST_SEED,
  REFIT_ALL_RIDGE,
  REFIT_DEFAULTS,
} from '../../contract/healDefaults.ts';
import { blocksLeft, type Unit } from '../../units.ts';
import { PROBLEMS } from '../../words/healing.ts';
import type { OpenModel } from '../open/state.ts';
import type { HealForm } from './state.ts';

/** Longest window that is taken, of a model that names no limit. */
const LONGEST = 2048;
/** More than half of a text held out leaves too little to learn from. */
const MOST_HELD_OUT = 0.5;

/** Most tokens of a window: what the model takes, at most 2048. */
const longestWindow = (model: OpenModel | null): number =>
  Math.min(LONGEST, model?.summary.contextLength ?? LONGEST);

/** The settings of a method as the form has them. */
function settingsOf({ refit, train }: HealForm, method: HealMethod): HealSettings {
  return method === 'refit' ? { method, ...refit } : { method, ...train };
}

/** Methods in the order in which they are done, a refit first. */
const inOrder = (methods: readonly HealMethod[]): HealMethod[] =>
  (['refit', 'lora', 'full'] as const).filter((method) => methods.includes(method));

/** LoRA and full training take each other's place: the one that was chosen last stays. */
export function chosenMethods(
  before: readonly HealMethod[],
  wanted: readonly HealMethod[],
): HealMethod[] {
  const both = wanted.includes('lora') && wanted.includes('full');
  return inOrder(both ? wanted.filter((one) => one === 'refit' || !before.includes(one)) : wanted);
}

/**
 * The rate of a form for a model of so many parameters: the default of the methods, unless another
 * one was typed than the default before.
 */
export function rateFor(
  before: { methods: readonly HealMethod[]; params: number },
  after: { methods: readonly HealMethod[]; params: number },
  rate: number,
): number {
  const of = ({ methods, params }: typeof before) =>
    defaultRate(methods.includes('full') ? 'full' : 'lora', params);
  return rate === of(before) ? of(after) : rate;
}

/** Where every block is refitted, the ridge must hold on more to weights that are right already. */
export function ridgeFor(all: boolean, ridge: number): number {
  const of = (every: boolean) => (every ? REFIT_ALL_RIDGE : REFIT_DEFAULTS.ridge);
  return ridge === of(!all) ? of(all) : ridge;
}

/** What the form asks for of a plan. */
export function requestOf(
  form: HealForm,
  removed: readonly Unit[],
  where: Pick<HealRequest, 'device' | 'budgetBytes'>,
): HealRequest {
  return {
    removed: [...removed],
    data: form.data,
    methods: inOrder(form.methods).map((method) => settingsOf(form, method)),
    ...where,
  };
}

type Check = (value: number) => string | null;

const whole =
  (least: number): Check =>
  (value) =>
    Number.isInteger(value) && value >= least ? null : PROBLEMS.whole(least);
const positive: Check = (value) => (value > 0 && Number.isFinite(value) ? null : PROBLEMS.positive);
const belowOne: Check = (value) => (value >= 0 && value < 1 ? null : PROBLEMS.belowOne);
const share =
  (most: number): Check =>
  (value) =>
    value >= 0 && value <= most ? null : PROBLEMS.share(`${Math.round(100 * most)} %`);
const within =
  (least: number, most: number, words: string): Check =>
  (value) =>
    Number.isInteger(value) && value >= least && value <= most ? null : words;

/** What is wrong with the fields that count for the chosen methods, by name. */
export function problemsOf(
  { methods, refit, train, data }: HealForm,
  model: OpenModel | null,
  removed: readonly Unit[],
): Map<string, string> {
  const problems = new Map<string, string>();
  const test = (name: string, value: number | null, check: Check) => {
    const problem = value === null ? null : check(value);
    if (problem !== null) problems.set(name, problem);
  };
  const longest = longestWindow(model);
  const length = within(2, longest, PROBLEMS.length(longest));
  const seed = within(0, MOST_SEED, PROBLEMS.seed);
  test('data.heldOut', data.heldOut, share(MOST_HELD_OUT));
  if (methods.includes('refit')) {
    test('refit.ridge', refit.ridge, positive);
    test('refit.samples', refit.samples, whole(1));
    test('refit.length', refit.length, length);
    test('refit.seed', refit.seed, seed);
  }
  if (!methods.includes('lora') && !methods.includes('full')) return problems;
  test('train.kl', train.kl, share(1));
  test('train.steps', train.steps, whole(1));
  test('train.batch', train.batch, whole(1));
  test('train.length', train.length, length);
  test('train.rate', train.rate, positive);
  test('train.warmup', train.warmup, whole(0));
  if (train.warmup > train.steps) problems.set('train.warmup', PROBLEMS.warmup);
  test('train.weightDecay', train.weightDecay, belowOne);
  test('train.maxNorm', train.maxNorm, positive);
  test('train.seed', train.seed, seed);
  test('train.heldOutEvery', train.heldOutEvery, whole(1));
  if (methods.includes('lora')) {
    test('train.rank', train.rank, within(1, MOST_RANK, PROBLEMS.rank(MOST_RANK)));
    test('train.alpha', train.alpha, positive);
    test('train.dropout', train.dropout, share(0.95));
  } else {
    const left = model ? blocksLeft(model.summary.numBlocks, removed) : train.blocks;
    test('train.blocks', train.blocks, within(1, left, PROBLEMS.blocks(left)));
  }
  return problems;
}
