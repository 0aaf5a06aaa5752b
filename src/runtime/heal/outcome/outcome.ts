// What a healing has come to: how much of the loss it brought back, and what its numbers are worth.

import { hasNumbers } from '../../../analysis/perplexity.ts';
import type { HealResult, HealSettings, TrainSettings } from '../../../contract/heal.ts';
import {
  type HealedMeasure,
  type HealingStep,
  unseenMeasure,
} from '../../../model/healing/healing.ts';

/** See `HealResult.recovered`. */
export function recoveredShare(measured: readonly HealedMeasure[]): number | null {
  const row = unseenMeasure(measured);
  if (!row) return null;
  const lost = row.pruned - row.original;
  const share = (row.pruned - row.healed) / lost;
  return lost > 0 && Number.isFinite(share) ? share : null;
}

/** What makes the outcome doubtful, in sentences. */
export function outcomeWarnings(measured: readonly HealedMeasure[]): string[] {
  const warnings: string[] = [];
  const bad = measured.find(({ original }) => !hasNumbers({ nll: original }));
  if (bad)
    warnings.push(
      `The original gives no numbers on ${textOf(bad)}, so nothing can be compared with it.`,
    );
  // Where it rises on what was learned, it rises on what was not.
  const row = unseenMeasure(measured) ?? measured[0];
  if (row && !bad && !(row.healed <= row.pruned))
    warnings.push(
      `On ${textOf(row)} the NLL rises from ${nats(row.pruned)} to ${nats(row.healed)}: the plan ` +
        'is better with its own weights. Give more text, or fewer steps.',
    );
  return warnings;
}

/**
 * What differs where the original is trained: it is its own teacher, so that KL to it is 0 at the
 * start and its gradient the rounding of the arithmetic; it learns the next token.
 */
export const CONTROL_LOSS = { kl: 0 } as const satisfies Partial<TrainSettings>;

/** The outcome with what a training on the same text does to the original. */
export function withControl(result: HealResult, control: readonly HealedMeasure[]): HealResult {
  const beside = (row: HealedMeasure): HealedMeasure => {
    const same = control.find(({ set, name }) => set === row.set && name === row.name);
    return same ? { ...row, control: same.healed } : row;
  };
  const measured = result.measured.map(beside);
  const { healing } = result;
  const training = healing.record.steps.findLast((step) => step.method !== 'refit');
  const record = {
    ...healing.record,
    measured: healing.record.measured.map(beside),
    ...(training && { control: { ...training.settings, ...CONTROL_LOSS } }),
  };
  return { ...result, measured, healing: { ...healing, record } };
}

/** The settings of a step as they are recorded: what a method ignores is left out. */
export function recordedSettings(settings: HealSettings): HealingStep['settings'] {
  const { method, ...rest } = settings;
  const ignored: readonly string[] = IGNORED[method];
  return Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) =>
      value === null || ignored.includes(name) ? [] : [[name, value]],
    ),
  );
}

const IGNORED = {
  refit: [],
  lora: ['blocks', 'norms', 'head'],
  full: ['rank', 'alpha', 'dropout', 'matrices'],
} as const satisfies Record<HealSettings['method'], readonly string[]>;

function textOf({ set, name }: Pick<HealedMeasure, 'set' | 'name'>): string {
  if (set === 'foreign') return name;
  return set === 'held-out' ? `the held-out part of ${name}` : `the sample of ${name}`;
}

const nats = (nll: number): string => nll.toFixed(4);
