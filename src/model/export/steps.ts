// The steps of an export in their order, removal first, one row each: how a step is chosen,
// recorded, described and verified. What it does to the graph is in apply.ts.

import type { Unit } from '../../units.ts';
import type { Field } from './provenanceCheck.ts';

/** What each step needs to be told. */
interface StepParameters {
  removal: { units: readonly Unit[] };
  float16: object;
}

export type StepId = keyof StepParameters;

/** A step and its parameters: plain data that crosses threads and lies in espalier.json. */
export type StepChoice<Id extends StepId = StepId> = {
  [K in Id]: { step: K } & StepParameters[K];
}[Id];

/** How closely a verification must find the original's numbers; absent: as for any export. */
export interface StepTolerance {
  /** Relative difference of the mean NLL. */
  mean?: number;
}

/** A row of the table. */
export interface ExportStep<Id extends StepId> {
  /** Why the step makes no sense for a model stored as `dtype`, or null. */
  obstacle(dtype: string): string | null;
  tolerance: StepTolerance;
  /**
   * What was done to the weights, as a sentence of the README and of the command line; null when
   * they are those of the source.
   */
  describe(choice: StepChoice<Id>): string | null;
  /** Present where the step is a training: the README then says so by `describe` alone. */
  trains?: true;
  /** The suffix that names the written precision ("fp16"), or null when it stays. */
  suffix: string | null;
  /** The parameters of the step in espalier.json; null for what is recorded elsewhere in it. */
  record: ((choice: StepChoice<Id>) => StepChoice<Id>) | null;
  /** @throws EspalierError `bad-input` naming the field that is not as expected */
  read(field: Field): StepChoice<Id>;
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
export function stepRecords(steps: readonly StepChoice[]): { steps?: StepChoice[] } {
  const records = steps.flatMap((choice) => stepOf(choice).record?.(choice) ?? []);
  return records.length > 0 ? { steps: records } : {};
}

/** @throws EspalierError `bad-input` naming the field that is not as expected */
export function readStep(field: Field): StepChoice {
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
  const means = steps.flatMap((choice) => stepOf(choice).tolerance.mean ?? []);
  return means.length > 0 ? { mean: Math.min(...means) } : {};
}

/**
 * Precisions in which a model can be written, as they are asked for, and the steps that make them.
 */
export const EXPORT_DTYPES = {
  fp16: [{ step: 'float16' }],
} as const satisfies Record<string, readonly StepChoice[]>;

export type ExportDtype = keyof typeof EXPORT_DTYPES;

/** The precision that these steps make, or null where none of the table does. */
export function dtypeOf(steps: readonly StepChoice[]): ExportDtype | null {
  const names = steps.map(({ step }) => step).join();
  const entries = Object.entries(EXPORT_DTYPES) as [ExportDtype, readonly StepChoice[]][];
  return entries.find(([, made]) => made.map(({ step }) => step).join() === names)?.[0] ?? null;
}

/** The steps of a precision; none where the source's is kept. */
export function dtypeSteps(dtype: ExportDtype | null): StepChoice[] {
  return dtype === null ? [] : [...EXPORT_DTYPES[dtype]];
}
