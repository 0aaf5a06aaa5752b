// Whether a quantisation can be written into an export, and what the export says of matrices that
// are not as one might expect.

import { EspalierError } from '../../errors.ts';
import type { Folder } from '../../onnx/source.ts';
import { formatUnits, type Unit } from '../../units.ts';
import type { ModelGraphs } from '../graphs/decoders.ts';
import { isOfEmbeddingGraph } from '../graphs/joined.ts';
import { requireSameWeights } from '../healing/sameWeights.ts';
import { type QuantisableMatrix, quantisableMatrices } from '../quantise/matrices.ts';
import { type PlannedMatrix, quantisationPlan } from '../quantise/plan.ts';
import { baseOf } from './apply.ts';
import { healingOf, quantisationOf, type StepChoice } from './steps.ts';

type Source = Pick<ModelGraphs, 'structure' | 'decoders'>;

/**
 * @param units what the export removes
 * @throws EspalierError `bad-input` for matrices that were computed of another plan, and for forms
 *   of matrices that the model does not have; `unsupported-graph` where another graph of the
 *   decoder has other weights
 */
export async function requireQuantisable(
  { structure, decoders, folder }: Source & { folder: Folder },
  units: readonly Unit[],
  steps: readonly StepChoice[],
): Promise<void> {
  const quantisation = quantisationOf(steps)?.quantisation;
  if (!quantisation) return;
  const { settings, forms, computed, removed, healing } = quantisation;
  if (settings.bits === 8 && settings.method !== 'rtn')
    throw new EspalierError(
      'bad-input',
      `8 bits are rounded to the nearest: ${settings.method} is for 4 bits.`,
      'Choose the method rtn, or 4 bits.',
    );
  const [{ copies }] = decoders;
  const known = new Set(
    [baseOf(copies[0]!, copies[0]!, steps), structure].flatMap((one) =>
      quantisableMatrices(one).map(({ tensor }) => tensor),
    ),
  );
  const unknown = Object.keys(forms).find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new EspalierError(
      'bad-input',
      `A form was chosen for the matrix ${unknown}, which the model does not have.`,
      'Choose among the matrices that the model has.',
    );
  if (computed.length === 0) return;
  const own = healingOf(steps)?.healing.id ?? null;
  const plan = (of: readonly Unit[], by: string | null): string =>
    `${formatUnits(of) || 'the original'}${by === null ? '' : ', healed'}`;
  if (formatUnits(removed) !== formatUnits(units) || healing !== own)
    throw new EspalierError(
      'bad-input',
      `The quantisation is of the plan ${plan(removed, healing)}, and the export is of ` +
        `${plan(units, own)}${healing !== null && own !== null ? ' in another way' : ''}.`,
      'Export the plan that was quantised, or quantise this one.',
    );
  const others = decoders.flatMap((file) => file.copies).slice(1);
  const places = computed.map(({ tensor, block }) => ({ tensor, block, changes: [] }));
  await requireSameWeights(copies[0]!, others, places, folder, 'quantisation');
}

/** What is not as one might expect, as sentences. @param units what the export removes */
export function quantisedRemarks(
  { structure, decoders }: Source,
  units: readonly Unit[],
  steps: readonly StepChoice[],
): string[] {
  const quantisation = quantisationOf(steps)?.quantisation;
  if (!quantisation) return [];
  const [{ copies }] = decoders;
  const base = baseOf(copies[0]!, copies[0]!, steps);
  const gone = new Set(units);
  const { matrices } = quantisationPlan(base, base, quantisation);
  const left = matrices.filter(({ matrix: { block } }) => block === null || !gone.has(block));
  const apart = quantisableMatrices(structure).filter(
    ({ kind, tensor }) => kind === 'embedding' && isOfEmbeddingGraph(tensor),
  );
  return [
    ...twice(left),
    ...(quantisation.settings.embedding === 'keep' ? [] : keptApart(apart)),
    ...untouched(left.map(({ matrix }) => matrix)),
  ];
}

/** A table that is both, in two forms. */
function twice(left: readonly PlannedMatrix[]): string[] {
  return left.flatMap(({ matrix, form }) => {
    if (matrix.kind !== 'embedding' || !matrix.tied) return [];
    const others = left.filter(
      (other) => other.matrix.kind !== 'embedding' && other.matrix.tensor === matrix.tensor,
    );
    const differs = others.find((other) => other.form !== form);
    if (!differs) return [];
    const words = (of: PlannedMatrix['form']): string => (of === 'float' ? 'floats' : `${of} bits`);
    return [
      `The table ${matrix.tensor} is embedding and head at once, and is written twice: as ` +
        `${words(form)} for the embedding, as ${words(differs.form)} for the head.`,
    ];
  });
}

function keptApart(tables: readonly QuantisableMatrix[]): string[] {
  return tables.length > 0
    ? ['The embedding lies in a graph of its own, which is as in the source.']
    : [];
}

/** Matrices with an obstacle, by obstacle. */
function untouched(left: readonly QuantisableMatrix[]): string[] {
  const parts = new Map<string, Set<string>>();
  for (const { obstacle, part } of left) {
    if (obstacle === null) continue;
    const known = parts.get(obstacle) ?? new Set();
    parts.set(obstacle, known.add(part));
  }
  return [...parts].map(([obstacle, names]) => {
    const [first, second, third, ...more] = names;
    const named = [first, second, third].filter((name) => name !== undefined).join(', ');
    const others = more.length > 0 ? ` and ${more.length} more` : '';
    return `Not quantised: ${named}${others}. ${obstacle}`;
  });
}
