// The matrices of a plan that a quantisation is about: those that the removal leaves, the form that
// each is written in, and their bytes.

import type { MatrixReport } from '../../contract/quantise.ts';
import { EspalierError } from '../../errors.ts';
import { baseOf } from '../../model/export/apply.ts';
import type { StepChoice } from '../../model/export/steps.ts';
import { formOf, sensitivityKey } from '../../model/quantise/forms.ts';
import { type QuantisableMatrix, quantisableMatrices } from '../../model/quantise/matrices.ts';
import { packedMatrix } from '../../model/quantise/packed.ts';
import type {
  MatrixForm,
  MixedChoice,
  QuantiseSettings,
} from '../../model/quantise/quantisation.ts';
import { noteText, targetNotes } from '../../model/quantise/targets.ts';
import { planRemoval } from '../../model/structure/removal.ts';
import { applyRemoval } from '../../model/structure/remove.ts';
import type { Structure } from '../../model/structure/structure.ts';
import { keyOf, rangesOf } from '../../onnx/bytes.ts';
import { DataType } from '../../onnx/graph.ts';
import type { Bytes } from '../../onnx/source.ts';
import type { Unit } from '../../units.ts';
import type { QuantiseJob } from './job.ts';

/** The model that is quantised, with what is chosen so far. */
export interface QuantisedBase {
  /** The source, with the healing's weights where there is one. */
  structure: Structure;
  /** What the plan keeps, in the order of the graph. */
  matrices: readonly QuantisableMatrix[];
  /** Type of the activations, and so of scales. */
  activations: DataType;
  settings: QuantiseSettings;
}

type BaseJob = Pick<
  QuantiseJob,
  'opened' | 'removed' | 'healing' | 'healed' | 'dtype' | 'settings'
>;

/** The steps before few bits: the healing. */
export function stepsBefore({
  healing,
  healed = 'again',
}: Pick<QuantiseJob, 'healing' | 'healed'>): StepChoice[] {
  if (!healing || healing.changes.length === 0) return [];
  return [{ step: 'healing', healing, quantised: healed }];
}

/** @throws EspalierError as `healedStructure` and `planRemoval` */
export function quantisedBase(job: BaseJob): QuantisedBase {
  const { opened, removed, dtype, settings } = job;
  const structure = baseOf(opened.structure, opened.structure, stepsBefore(job));
  const half = structure.typeOf(structure.cuts[0] ?? '') === DataType.float16;
  return {
    structure,
    matrices: keptMatrices(structure, removed),
    activations: half || dtype === 'q4f16' ? DataType.float16 : DataType.float,
    settings,
  };
}

/** The matrices that are still read when units are removed. */
function keptMatrices(structure: Structure, removed: readonly Unit[]): QuantisableMatrix[] {
  const all = quantisableMatrices(structure);
  if (removed.length === 0) return [...all];
  const { graph } = applyRemoval(structure, planRemoval(structure, removed));
  const left = new Set([...graph.initializers.values()].map(({ data }) => keyOf(data)));
  const gone = new Set<Unit>(removed);
  return all.filter(
    ({ data, block }) => left.has(keyOf(data)) && (block === null || !gone.has(block)),
  );
}

/** Bytes of a matrix as it is written in a form; reads no weights. */
export function writtenBytes(
  { activations, settings }: Pick<QuantisedBase, 'activations' | 'settings'>,
  matrix: QuantisableMatrix,
  form: MatrixForm,
): number {
  if (form === 'float') {
    const halved = matrix.type === DataType.float && activations === DataType.float16;
    return halved ? matrix.data.length / 2 : matrix.data.length;
  }
  const { weights, scales, zeros } = packedMatrix(matrix, {
    settings,
    bits: form,
    scales: activations,
  });
  return weights.length + scales.length + (zeros?.length ?? 0);
}

/** What becomes of every matrix. @param sensitivities by tensor, as far as they are known */
export function matrixReports(
  base: QuantisedBase,
  forms: Readonly<Record<string, MatrixForm>>,
  sensitivities: ReadonlyMap<string, number> = new Map(),
): MatrixReport[] {
  const { settings } = base;
  return base.matrices.map((matrix) => {
    const { tensor, kind, block, part, inputs, outputs, data, obstacle } = matrix;
    const form = formOf(matrix, { settings, forms });
    const known = sensitivities.get(sensitivityKey(matrix));
    return {
      ...{ tensor, block, part, inputs, outputs },
      storedBytes: fileBytes(data),
      writtenBytes: writtenBytes(base, matrix, form),
      form,
      obstacle: kept(kind, settings) ? null : obstacle,
      sensitivity: form === 'float' && obstacle !== null ? null : (known ?? null),
    };
  });
}

/** Bytes that a matrix takes in the files of the source; its own where it lies in memory. */
function fileBytes(data: Bytes): number {
  const ranges = rangesOf(data);
  return ranges.length === 0 ? data.length : ranges.reduce((sum, { length }) => sum + length, 0);
}

/** A table or head that is kept because the settings say so needs no excuse. */
const kept = (kind: QuantisableMatrix['kind'], settings: QuantiseSettings): boolean =>
  (kind === 'embedding' && settings.embedding === 'keep') ||
  (kind === 'head' && settings.head === 'keep');

/** Those of matrices that the plan keeps. */
export function formsLeft(
  { matrices }: Pick<QuantisedBase, 'matrices'>,
  forms: Readonly<Record<string, MatrixForm>>,
): Record<string, MatrixForm> {
  const left = new Set(matrices.map(({ tensor }) => tensor));
  return Object.fromEntries(Object.entries(forms).filter(([tensor]) => left.has(tensor)));
}

/**
 * Those of matrices that the plan removes say nothing.
 * @param mixed what chose among the forms, where something did
 * @throws EspalierError `bad-input` for forms of matrices that the model does not have or that
 *   cannot take them, and for a choice that leaves nothing in few bits; `unsupported-graph` where
 *   nothing could be
 */
export function checkForms(
  { structure, matrices, settings }: QuantisedBase,
  forms: Readonly<Record<string, MatrixForm>>,
  mixed: MixedChoice | null = null,
): void {
  for (const [tensor, form] of Object.entries(forms)) {
    const named = (one: QuantisableMatrix): boolean => one.tensor === tensor && !isTable(one.kind);
    const isKnown = quantisableMatrices(structure).some(named);
    const why = isKnown ? matrices.find(named)?.obstacle : 'no matrix of the blocks is called so.';
    if (why && form !== 'float')
      throw new EspalierError(
        'bad-input',
        `The matrix ${tensor} cannot be given ${form} bits: ${why}`,
        'Choose the matrices again.',
      );
  }
  if (matrices.some((matrix) => formOf(matrix, { settings, forms }) !== 'float')) return;
  if (mixed && matrices.some((matrix) => formOf(matrix, { settings, forms: {} }) !== 'float'))
    throw new EspalierError(
      'bad-input',
      'The choice by loss leaves every matrix as it is: ' +
        (mixed.kind === 'bytes'
          ? `${mixed.bytes} bytes more than all in ${settings.bits} bits are enough for all of them.`
          : `no matrix can be given few bits for at most ${mixed.nats} nats.`),
      mixed.kind === 'bytes'
        ? 'Allow fewer bytes more, or leave out the choice.'
        : 'Allow a larger loss, or leave out the choice.',
    );
  const free = matrices.some(({ kind, obstacle }) => obstacle === null && isTable(kind));
  const all = matrices.flatMap(({ tensor, obstacle }) => (obstacle ? [{ tensor, obstacle }] : []));
  const reasons = [...new Set(all.map(({ obstacle }) => obstacle))].map((obstacle) => {
    const of = all.filter((one) => one.obstacle === obstacle);
    const which = of.length === 1 ? of[0]!.tensor : `${of.length} matrices`;
    return `${obstacle.replace(/\.$/, '')} (${which}).`;
  });
  throw new EspalierError(
    'unsupported-graph',
    `Nothing of this model is left to quantise${
      reasons.length > 0 ? `. ${reasons.join(' ')}` : ': every matrix is to stay as it is.'
    }`,
    free
      ? 'Choose 8 or 4 bits for the embedding or the head, or open a float32 or float16 graph of ' +
          'the model.'
      : 'Open a float32 or float16 graph of the model.',
  );
}

const isTable = (kind: QuantisableMatrix['kind']): boolean =>
  kind === 'embedding' || kind === 'head';

/** What GPTQ computes: those of the blocks in 4 bits. */
export function gptqMatrices(
  { matrices, settings }: QuantisedBase,
  forms: Readonly<Record<string, MatrixForm>>,
): QuantisableMatrix[] {
  return matrices.filter(
    (matrix) => matrix.kind === 'block' && formOf(matrix, { settings, forms }) === 4,
  );
}

/** What runtimes lack for these forms, or are slow at, with the alternative; sentences. */
export function runtimeNotes({ matrices, settings, activations }: QuantisedBase): string[] {
  const tables = matrices.filter(({ kind }) => kind === 'embedding');
  const forms = tables.flatMap((matrix) => {
    const bits = formOf(matrix, { settings, forms: {} });
    if (bits === 'float') return [];
    const { blocks, zeros } = packedMatrix(matrix, { settings, bits, scales: activations });
    return { bits, blocks, zeros: zeros !== null };
  });
  const notes = (forms.length > 0 ? forms : [null]).flatMap((table) =>
    targetNotes({ settings, table }),
  );
  return [...new Set(notes.map(noteText))];
}
