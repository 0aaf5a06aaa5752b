// The methods of healing, each run on what the ones before have changed.

import type { HealEvent } from '../../contract/heal.ts';
import type { HealingStep, WeightChange } from '../../model/healing/healing.ts';
import type { Structure } from '../../model/structure/structure.ts';
import type { Unit } from '../../units.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import type { Gate } from '../pass/gate.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import { recordedSettings } from './outcome/outcome.ts';
import { refit } from './refit.ts';
import type { MethodInput } from './texts/texts.ts';
import { train } from './train.ts';

/** What a method runs with. */
export interface MethodContext extends SessionModel {
  structure: Structure;
  /** Sorted. */
  removed: readonly Unit[];
  /** Made before, in their order. */
  changes: readonly WeightChange[];
  signal?: AbortSignal | undefined;
  stop?: AbortSignal | undefined;
  gate?: Gate | undefined;
  store?: CheckpointStore | undefined;
  onEvent(event: HealEvent): void;
}

export interface MethodRun {
  changes: WeightChange[];
  step: HealingStep;
  /** What was left out or computed otherwise, in sentences. */
  notes: string[];
  /** Steps that were taken where it was stopped early, else null. */
  stoppedAt: number | null;
}

/** @throws EspalierError as `refit` and `train` */
export async function runMethod(
  { settings, sequences, watched }: MethodInput,
  context: MethodContext,
): Promise<MethodRun> {
  const step = (
    { losses, heldOut, kept, seconds }: Omit<HealingStep, 'method' | 'settings' | 'blocks'>,
    changes: WeightChange[],
  ) => ({
    method: settings.method,
    settings: recordedSettings(settings),
    losses,
    heldOut,
    kept,
    blocks: blocksOf(changes),
    seconds,
  });
  if (settings.method === 'refit') {
    const { onEvent } = context;
    const { changes, notes, seconds } = await refit({
      ...context,
      settings,
      windows: sequences.map(({ ids }) => ids),
      onProgress: (progress) => onEvent({ type: 'progress', progress }),
    });
    const untrained = { losses: [], heldOut: [], kept: null, seconds };
    return { changes, step: step(untrained, changes), notes, stoppedAt: null };
  }
  const data = { fit: sequences, heldOut: watched };
  const found = await train({ ...context, settings, data });
  const { changes, notes, stoppedAt } = found;
  return { changes, step: step(found, changes), notes, stoppedAt };
}

function blocksOf(changes: readonly WeightChange[]): number[] {
  const blocks = changes.flatMap(({ block }) => (block === null ? [] : [block]));
  return [...new Set(blocks)].sort((a, b) => a - b);
}
