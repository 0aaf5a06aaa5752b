// The units of a plan with what is trained in each: adapters behind their products, or their
// weights.

import { EspalierError } from '../../errors.ts';
import type { BoundProgram } from '../../model/programs/program.ts';
import { shortName } from '../../onnx/limits.ts';
import { blockOf, type Unit } from '../../units.ts';
import { weightRoles } from '../roles.ts';
import { Lora } from './lora.ts';
import type { TrainedUnit } from './options.ts';
import { type Context, plain, programOf, runningIn } from './plan.ts';
import { trainWeights } from './trainedWeights.ts';

/**
 * The units that run, in order.
 * @throws EspalierError `unsupported-op` for weights that cannot be trained; `bad-input` for blocks
 *   that do not run
 */
export function trainedUnits(context: Context): TrainedUnits {
  const { training, kept } = context.options;
  if (training.method === 'lora') {
    const lora = new Lora(context, training);
    const units = kept.map((unit) => lora.unit(unit));
    return { units, notes: lora.notes };
  }
  const running = new Set(kept.map(blockOf));
  const absent = training.blocks.filter((block) => !running.has(block));
  if (absent.length > 0)
    throw new EspalierError(
      'bad-input',
      `Block ${absent.join(', ')} is removed by the plan, so it cannot be trained.`,
      'Train blocks that the plan keeps.',
    );
  const chosen = new Set(training.blocks);
  const notes = new Set<string>();
  const units = kept.map((unit) => {
    const bound = programOf(context.programs, unit);
    if (!chosen.has(blockOf(unit))) return plain(unit, bound);
    return withWeights(context, unit, bound, { norms: training.norms, notes });
  });
  return { units, notes: [...notes] };
}

interface TrainedUnits {
  units: TrainedUnit[];
  /** What is left as it is, as phrases to show. */
  notes: readonly string[];
}

function withWeights(
  { structure, options }: Context,
  unit: Unit,
  original: BoundProgram,
  { norms, notes }: { norms: boolean; notes: Set<string> },
): TrainedUnit {
  const block = blockOf(unit);
  const all = weightRoles(structure, original, block).filter(
    ({ kind }) => kind === 'linear' || (norms && kind === 'norm'),
  );
  // Constants inside of a program cannot have other values beside it.
  const roles = all.filter(({ weight }) => original.weights.has(weight));
  if (roles.length < all.length) notes.add('norms of very few values stay as they are');
  const shared = roles.find(({ blocks }) => runningIn(blocks, options.kept) > 1);
  if (shared)
    throw new EspalierError(
      'unsupported-op',
      `The weight ${shortName(shared.name)} of block ${block} is read by other blocks too, so it ` +
        'cannot be trained for one of them.',
      'Train other blocks.',
    );
  const { bound, parameters } = trainWeights(original, roles, {
    block,
    limit: options.maxBufferBytes,
    through: null,
    id: `trained-${original.program.id}`,
  });
  return { unit, block, parameters, forward: bound, training: bound };
}
