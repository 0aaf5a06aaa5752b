// The head of the score programs, with those of its weights that training changes as inputs.

import { EspalierError } from '../../errors.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import { programModel } from '../../model/programs/programModel.ts';
import type { Structure } from '../../model/structure/structure.ts';
import { keyOf } from '../../onnx/bytes.ts';
import { shortName } from '../../onnx/limits.ts';
import { weightRoles } from '../roles.ts';
import type { TrainingOptions } from './options.ts';
import type { Parameter } from './parameters.ts';
import { remade } from './remade.ts';
import { rebound, trainWeights } from './trainedWeights.ts';

interface TrainedHead {
  /** The comparing head where KL is part of the loss. */
  bound: BoundProgram;
  /** Nll of the plan, and KL where it is part of the loss, without the rest of a comparison. */
  measure: BoundProgram;
  parameters: readonly Parameter[];
}

/** @throws EspalierError `unsupported-op` for a head that cannot be trained */
export function trainedHead(
  structure: Structure,
  programs: ScorePrograms,
  { training, kl, maxBufferBytes }: TrainingOptions,
): TrainedHead {
  const original = kl > 0 ? programs.compare : programs.head;
  const kinds = new Set(
    training.method === 'full'
      ? [...(training.norms ? ['norm'] : []), ...(training.head ? ['linear'] : [])]
      : [],
  );
  const roles =
    kinds.size === 0
      ? []
      : weightRoles(structure, original, structure.blocks.length).filter(({ kind }) =>
          kinds.has(kind),
        );
  const embedded = new Set([...programs.embed.weights.values()].map(({ data }) => keyOf(data)));
  for (const { weight, name } of roles) {
    const ref = original.weights.get(weight);
    if (ref && embedded.has(keyOf(ref.data)))
      throw new EspalierError(
        'unsupported-op',
        `The head cannot be trained: its matrix ${shortName(name)} is the table of the token ` +
          'embeddings too.',
        'Train without the head.',
      );
  }
  if (kinds.has('linear') && !roles.some(({ kind }) => kind === 'linear'))
    throw new EspalierError(
      'unsupported-op',
      'The head cannot be trained: no stored matrix is multiplied with in it.',
      'Train without the head.',
    );
  const through = kl > 0 ? 'other-residual' : null;
  const { bound, parameters } = trainWeights(original, roles, {
    block: 'head',
    limit: maxBufferBytes,
    through,
    id: `trained-${original.program.id}`,
  });
  return { bound, parameters, measure: kl > 0 ? measured(bound) : bound };
}

function measured(bound: BoundProgram): BoundProgram {
  const { program } = bound;
  const outputs = program.outputs.flatMap((output) => {
    const { target } = output;
    if (target.kind !== 'compared') return [];
    if (target.value === 'kl') return [output];
    return target.value === 'nll-other' ? [{ ...output, target: { kind: 'nll' } as const }] : [];
  });
  const model = programModel(program);
  const wanted = new Set(outputs.map(({ name }) => name));
  model.graph.outputs = model.graph.outputs.filter(({ name }) => wanted.has(name));
  return rebound(remade({ ...program, outputs }, model, [], `${program.id}-measure`), bound);
}
