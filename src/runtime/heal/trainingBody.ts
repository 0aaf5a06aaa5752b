// What a training writes down: parameters, what the optimiser remembers, the best state and the
// curves. What is read back is checked, since other versions may have written it.

import { isJsonObject } from '../../json.ts';
import type { HealingStep } from '../../model/healing/healing.ts';
import type { ParameterState, Parameters } from './parameters.ts';
import type { TrainingJob, TrainingSetup } from './trainingSetup.ts';

/** How far a training is. */
export interface Progressed {
  /** Steps that are done. */
  step: number;
  losses: number[];
  heldOut: HealingStep['heldOut'][number][];
  /** The step whose values are the best. */
  kept: number;
}

/** Its field names are a file format: they do not follow renames. */
interface StoredTraining extends ParameterState {
  what: string;
  step: number;
  losses: number[];
  heldOut: Progressed['heldOut'];
  kept: number;
}

/** Words of the bytes of a change that its key is made of, at most. */
const HASHED_WORDS = 65_536;

/**
 * Names plan, settings, sequences, parameters and what was changed before: a body of another
 * training is not taken up.
 */
export function trainingKey(
  { sequences, training }: Pick<TrainingSetup, 'sequences' | 'training'>,
  { settings, removed, changes }: Pick<TrainingJob, 'settings' | 'removed' | 'changes'>,
): string {
  let hash = 0x811c9dc5;
  const add = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193);
  };
  for (const { ids, weights } of sequences) {
    add(ids.length);
    for (const id of ids) add(id);
    for (const weight of weights) add(Math.fround(weight) * 2 ** 16);
  }
  const parameters = training.parameters.map(({ name, dims }) => `${name}:${dims.join('x')}`);
  for (const change of changes)
    for (const bytes of change.kind === 'replaced' ? [change.values] : [change.a, change.b]) {
      const words = new Uint32Array(bytes.slice().buffer);
      const stride = Math.ceil(words.length / HASHED_WORDS);
      for (let at = 0; at < words.length; at += stride) add(words[at]!);
    }
  const before = changes.map(({ tensor, kind }) => `${kind} ${tensor}`);
  return JSON.stringify([settings, removed, sequences.length, hash, parameters, before]);
}

export function storedTraining(
  what: string,
  { step, losses, heldOut, kept }: Progressed,
  parameters: Parameters,
): StoredTraining {
  return { what, step, losses: [...losses], heldOut: [...heldOut], kept, ...parameters.state() };
}

/** The stored body where it belongs to this training, else null. */
export function readTraining(
  body: unknown,
  what: string,
  { all }: Pick<Parameters, 'all'>,
): (Progressed & ParameterState) | null {
  if (!isJsonObject(body) || body.what !== what) return null;
  const { step, losses, heldOut, kept } = body;
  if (!isStep(step) || !isStep(kept) || kept > step) return null;
  if (!isNumbers(losses) || losses.length !== step || !Array.isArray(heldOut)) return null;
  const curve: Progressed['heldOut'] = [];
  for (const point of heldOut as unknown[]) {
    if (!isJsonObject(point) || !isStep(point.step) || typeof point.loss !== 'number') return null;
    curve.push({ step: point.step, loss: point.loss });
  }
  const sizes = all.map(({ dims }) => dims.reduce((n, d) => n * d, 1));
  const fits = (values: unknown): values is Float32Array[] =>
    Array.isArray(values) &&
    values.length === sizes.length &&
    values.every((one, k) => one instanceof Float32Array && one.length === sizes[k]);
  const { values, m, v, best } = body;
  if (!fits(values) || !fits(m) || !fits(v) || !fits(best)) return null;
  return { step, losses, heldOut: curve, kept, values, m, v, best };
}

function isStep(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function isNumbers(values: unknown): values is number[] {
  return Array.isArray(values) && values.every((value) => typeof value === 'number');
}
