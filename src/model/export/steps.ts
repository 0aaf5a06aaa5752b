// The steps of an export in their order, removal first, one row each: how a step is chosen,
// recorded, described and verified. What it does to the graph is in apply.ts.

import type { Unit } from '../../units.ts';
import type { Healing } from '../healing/healing.ts';
import { type HealingNote, healingNote, readHealingNote } from '../healing/healingRecord.ts';
import { healingInWords, healingSection } from '../healing/healingWords.ts';
import type { Field } from './provenanceCheck.ts';

/** What each step needs to be told. */
interface StepParameters {
  removal: { units: readonly Unit[] };
  healing: {
    healing: Healing;
    /**
     * 4-bit and 8-bit matrices that the healing changes: quantised again as the file has them, or
     * kept in the float type of the activations.
     */
    quantised: 'again' | 'float';
  };
  float16: object;
}

/** What espalier.json keeps of each step. */
interface StepRecords extends Omit<StepParameters, 'healing'> {
  healing: { healing: HealingNote; quantised: 'again' | 'float' };
}

export type StepId = keyof StepParameters;

/** A step and its parameters: plain data that crosses threads. */
export type StepChoice<Id extends StepId = StepId> = {
  [K in Id]: { step: K } & StepParameters[K];
}[Id];

/** A step as it lies in espalier.json: without weights. */
export type StepRecord<Id extends StepId = StepId> = {
  [K in Id]: { step: K } & StepRecords[K];
}[Id];

/** How closely a verification must find the original's numbers; absent: as for any export. */
export interface StepTolerance {
  /** Relative difference of the mean NLL. */
  mean?: number;
  /** The same, where the written graph computes in float32. */
  float32Mean?: number;
}

/** A row of the table. */
export interface ExportStep<Id extends StepId> {
  /** Why the step makes no sense for a model stored as `dtype`, or null. */
  obstacle(dtype: string): string | null;
  tolerance: StepTolerance;
  /**
   * What was done to the weights, as a sentence of the README and of the command line; null when
   * they are those of the source.
   * @param fewBits the source has matrices of 4 or 8 bits
   */
  describe(choice: StepChoice<Id>, fewBits: boolean): string | null;
  /** Present where the step is a training: the README then says so by `describe` alone. */
  trains?: true;
  /** The suffix that names the written precision ("fp16"), or null when it stays. */
  suffix: string | null;
  /** A section of the README, where one sentence is not enough. */
  section?(choice: StepChoice<Id>): string;
  /** The parameters of the step in espalier.json; null for what is recorded elsewhere in it. */
  record: ((choice: StepChoice<Id>) => StepRecord<Id>) | null;
  /** @throws EspalierError `bad-input` naming the field that is not as expected */
  read(field: Field): StepRecord<Id>;
}

const EXPORT_STEPS: { [Id in StepId]: ExportStep<Id> } = {
  removal: {
    obstacle: () => null,
    tolerance: {},
    describe: () => null,
    suffix: null,
    record: null,
    read: (field) => field.fail('a step that changes weights'),
  },
  healing: {
    obstacle: () => null,
    // The studio measures with the bytes that are written.
    tolerance: { float32Mean: 1e-4 },
    describe: ({ healing, quantised }, fewBits) =>
      healingInWords(healing, fewBits ? quantised : null),
    trains: true,
    section: ({ healing }) => healingSection(healing),
    suffix: null,
    record: ({ step, healing, quantised }) => ({ step, quantised, healing: healingNote(healing) }),
    read: (field) => ({
      step: 'healing',
      quantised: field.at('quantised').oneOf(['again', 'float']),
      healing: readHealingNote(field.at('healing')),
    }),
  },
  float16: {
    obstacle: (dtype) =>
      dtype === 'fp32'
        ? null
        : `The weights of this graph are stored as ${dtype} already: float16 is for float32 ` +
          'graphs.',
    tolerance: { mean: 1e-3 },
    describe: () =>
      'Float32 weights are rounded to float16 (to the nearest, ties to even), and activations are ' +
      'float16; sums of squares, positions and what has no float16 kernel stay float32.',
    suffix: 'fp16',
    record: (choice) => choice,
    read: () => ({ step: 'float16' }),
  },
};

const ORDER = Object.keys(EXPORT_STEPS);

/** The steps of an export in the order in which they are taken. */
export function exportSteps(removed: readonly Unit[], steps: readonly StepChoice[]): StepChoice[] {
  const removal: StepChoice = { step: 'removal', units: removed };
  const rank = ({ step }: StepChoice): number => ORDER.indexOf(step);
  return [removal, ...steps.filter(({ step }) => step !== 'removal')].sort(
    (a, b) => rank(a) - rank(b),
  );
}

/**
 * The row of a choice. The cast is the table's own promise: a row takes the choices of its name.
 */
export function stepOf(choice: StepChoice): ExportStep<StepId> {
  return EXPORT_STEPS[choice.step] as unknown as ExportStep<StepId>;
}

/** What espalier.json keeps of the steps after the removal; nothing where there are none. */
export function stepRecords(steps: readonly StepChoice[]): { steps?: StepRecord[] } {
  const records = steps.flatMap((choice) => stepOf(choice).record?.(choice) ?? []);
  return records.length > 0 ? { steps: records } : {};
}

/** @throws EspalierError `bad-input` naming the field that is not as expected */
export function readStep(field: Field): StepRecord {
  const step = field.at('step').oneOf(Object.keys(EXPORT_STEPS) as StepId[]);
  return EXPORT_STEPS[step].read(field);
}

/** Why a model stored as `dtype` cannot take these steps, or null. */
export function stepsObstacle(dtype: string, steps: readonly StepChoice[]): string | null {
  for (const choice of steps) {
    const why = stepOf(choice).obstacle(dtype);
    if (why !== null) return why;
  }
  return null;
}

/** The closest of the steps' tolerances. */
export function stepsTolerance(steps: readonly StepChoice[]): StepTolerance {
  const found: StepTolerance = {};
  for (const choice of steps)
    for (const key of ['mean', 'float32Mean'] as const) {
      const own = stepOf(choice).tolerance[key];
      if (own !== undefined) found[key] = Math.min(own, found[key] ?? own);
    }
  return found;
}

/**
 * Precisions in which a model can be written, as they are asked for, and the steps that make them.
 */
export const EXPORT_DTYPES = {
  fp16: [{ step: 'float16' }],
} as const satisfies Record<string, readonly StepChoice[]>;

export type ExportDtype = keyof typeof EXPORT_DTYPES;

/** The precision that these steps make, or null where none of the table does. */
export function dtypeOf(steps: readonly { step: StepId }[]): ExportDtype | null {
  const names = steps
    .map(({ step }) => step)
    .filter((step) => EXPORT_STEPS[step].suffix !== null)
    .join();
  const entries = Object.entries(EXPORT_DTYPES) as [ExportDtype, readonly StepChoice[]][];
  return entries.find(([, made]) => made.map(({ step }) => step).join() === names)?.[0] ?? null;
}

/** The steps of a precision; none where the source's is kept. */
export function dtypeSteps(dtype: ExportDtype | null): StepChoice[] {
  return dtype === null ? [] : [...EXPORT_DTYPES[dtype]];
}

/** The healing among the steps of an export, or null. */
export function healingOf(steps: readonly StepChoice[]): StepChoice<'healing'> | null {
  return steps.find((choice): choice is StepChoice<'healing'> => choice.step === 'healing') ?? null;
}
