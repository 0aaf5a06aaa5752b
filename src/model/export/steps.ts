// The steps of an export in their order, removal first, one row each: how a step is chosen,
// recorded, described and verified. What it does to the graph is in apply.ts.

import { EspalierError } from '../../errors.ts';
import type { Unit } from '../../units.ts';
import type { Healing } from '../healing/healing.ts';
import { type HealingNote, healingNote, readHealingNote } from '../healing/healingRecord.ts';
import { healingInWords, healingSection } from '../healing/healingWords.ts';
import { hasHalfActivations, storedObstacle } from '../quantise/dtypes.ts';
import {
  QUANTISED_DTYPES,
  type Quantisation,
  type QuantisedDtype,
} from '../quantise/quantisation.ts';
import {
  type QuantisationNote,
  quantisationNote,
  readQuantisationNote,
} from '../quantise/quantisationRecord.ts';
import { quantisationInWords, quantisationSection } from '../quantise/quantisationWords.ts';
import type { WidthPlan } from '../width/types.ts';
import { readWidthNote, type WidthNote, widthNote } from '../width/widthRecord.ts';
import { widthInWords, widthSection } from '../width/widthWords.ts';
import type { Field } from './provenanceCheck.ts';

/** What each step needs to be told. */
interface StepParameters {
  removal: { units: readonly Unit[] };
  width: { width: WidthPlan };
  healing: {
    healing: Healing;
    /**
     * 4-bit and 8-bit matrices that the healing changes: quantised again as the file has them, or
     * kept in the float type of the activations.
     */
    quantised: 'again' | 'float';
  };
  float16: object;
  quantise: {
    quantisation: Quantisation;
    /** What the graph is called by. */
    dtype: QuantisedDtype;
  };
}

/** What espalier.json keeps of each step. */
interface StepRecords extends Omit<StepParameters, 'width' | 'healing' | 'quantise'> {
  width: { width: WidthNote };
  healing: { healing: HealingNote; quantised: 'again' | 'float' };
  quantise: { quantisation: QuantisationNote; dtype: QuantisedDtype };
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
  obstacle(dtype: string, choice: StepChoice<Id>): string | null;
  tolerance: StepTolerance;
  /**
   * What was done to the weights, as a sentence of the README and of the command line; null when
   * they are those of the source.
   * @param fewBits the source has matrices of 4 or 8 bits
   */
  describe(choice: StepChoice<Id>, fewBits: boolean): string | null;
  /** Present where the step is a training: the README then says so by `describe` alone. */
  trains?: true;
  /** The written precision ("fp16"), or null when it stays. */
  dtype(choice: StepChoice<Id> | StepRecord<Id>): ExportDtype | null;
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
    dtype: () => null,
    record: null,
    read: (field) => field.fail('a step that changes weights'),
  },
  width: {
    obstacle: () => null,
    tolerance: {},
    describe: ({ width }) => widthInWords(width),
    section: ({ width }) => widthSection(width),
    dtype: () => null,
    record: ({ step, width }) => ({ step, width: widthNote(width) }),
    read: (field) => ({ step: 'width', width: readWidthNote(field.at('width')) }),
  },
  healing: {
    obstacle: () => null,
    // The studio measures with the bytes that are written.
    tolerance: { float32Mean: 1e-4 },
    describe: ({ healing, quantised }, fewBits) =>
      healingInWords(healing, fewBits ? quantised : null),
    trains: true,
    section: ({ healing }) => healingSection(healing),
    dtype: () => null,
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
    dtype: () => 'fp16',
    record: (choice) => choice,
    read: () => ({ step: 'float16' }),
  },
  quantise: {
    obstacle: (dtype, { dtype: written }) => storedObstacle(dtype, written),
    tolerance: {},
    describe: ({ quantisation, dtype }) => quantisationInWords(quantisation, dtype),
    section: ({ quantisation, dtype }) => quantisationSection(quantisation, dtype),
    dtype: ({ dtype }) => dtype,
    record: ({ step, dtype, quantisation }) => ({
      step,
      dtype,
      quantisation: quantisationNote(quantisation),
    }),
    read: (field) => ({
      step: 'quantise',
      dtype: field.at('dtype').oneOf(QUANTISED_DTYPES),
      quantisation: readQuantisationNote(field.at('quantisation')),
    }),
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
  const quantises = steps.some(({ step }) => step === 'quantise');
  for (const choice of steps) {
    // Few bits with float16 activations: a graph that has those already keeps them.
    if (choice.step === 'float16' && quantises && hasHalfActivations(dtype)) continue;
    const why = stepOf(choice).obstacle(dtype, choice);
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

/** Precisions in which a model can be written, as they are asked for. */
export const EXPORT_DTYPES = {
  fp16: { float16: true, bits: null },
  q4: { float16: false, bits: 4 },
  q4f16: { float16: true, bits: 4 },
  q8: { float16: false, bits: 8 },
} as const satisfies Record<string, { float16: boolean; bits: 4 | 8 | null }>;

export type ExportDtype = keyof typeof EXPORT_DTYPES;

/** Those that need a quantisation. */
export const isQuantisedDtype = (dtype: ExportDtype | null): dtype is QuantisedDtype =>
  dtype !== null && EXPORT_DTYPES[dtype].bits !== null;

/** The precision that these steps make, or null where the source's stays. */
export function dtypeOf(steps: readonly (StepChoice | StepRecord)[]): ExportDtype | null {
  const made = steps.map((choice) => stepOf(choice as StepChoice).dtype(choice));
  return made.findLast((dtype) => dtype !== null) ?? null;
}

/**
 * The steps of a precision; none where the source's is kept.
 * @param quantisation what precisions of few bits need
 * @throws EspalierError `bad-input` without one, or for one of other bits
 */
export function dtypeSteps(
  dtype: ExportDtype | null,
  quantisation: Quantisation | null = null,
): StepChoice[] {
  if (dtype === null) return [];
  const steps: StepChoice[] = EXPORT_DTYPES[dtype].float16 ? [{ step: 'float16' }] : [];
  if (!isQuantisedDtype(dtype)) return steps;
  const { bits } = EXPORT_DTYPES[dtype];
  if (quantisation?.settings.bits !== bits)
    throw new EspalierError(
      'bad-input',
      quantisation
        ? `The quantisation is in ${quantisation.settings.bits} bits, and ${dtype} has ${bits}.`
        : `What is written as ${dtype} has to be quantised first.`,
      'Quantise the plan to that precision, then export it.',
    );
  return [...steps, { step: 'quantise', quantisation, dtype }];
}

/** The quantisation among the steps of an export, or null. */
export function quantisationOf(steps: readonly StepChoice[]): StepChoice<'quantise'> | null {
  return (
    steps.find((choice): choice is StepChoice<'quantise'> => choice.step === 'quantise') ?? null
  );
}

/** The width plan among the steps of an export, or null. */
export function widthOf(steps: readonly StepChoice[]): WidthPlan | null {
  return (
    steps.find((choice): choice is StepChoice<'width'> => choice.step === 'width')?.width ?? null
  );
}

/** The healing among the steps of an export, or null. */
export function healingOf(steps: readonly StepChoice[]): StepChoice<'healing'> | null {
  return steps.find((choice): choice is StepChoice<'healing'> => choice.step === 'healing') ?? null;
}
