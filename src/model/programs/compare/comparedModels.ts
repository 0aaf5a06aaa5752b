// One program that compares two models: each has a head of its own, and both read the last hidden
// states of theirs.

import { EspalierError } from '../../../errors.ts';
import {
  copySubgraph,
  cutHead,
  makeCutter,
  NLL,
  type ProgramOptions,
  type ProgramSource,
} from '../cutter.ts';
import type { BoundProgram, ScorePrograms } from '../program.ts';
import { COMPARED, comparisonHead, OTHER } from './comparisonHead.ts';

/**
 * The program `compare` for two models of one vocabulary, such as a model and what an export makes
 * of it: (residual of the first, residual of the second, targets) -> what `ScorePrograms.compare`
 * gives. Residuals have the types of their models. Weights of equal bytes are one buffer.
 * @param options of the second model; the first one's matrices are multiplied exactly
 * @throws EspalierError `bad-input` for vocabularies of different sizes; as `makeScorePrograms`
 */
export function comparedModels(
  first: { source: ProgramSource; programs: Pick<ScorePrograms, 'hiddenSize' | 'vocabSize'> },
  second: { source: ProgramSource; programs: Pick<ScorePrograms, 'hiddenSize' | 'vocabSize'> },
  options: ProgramOptions,
): BoundProgram {
  const sizes = [first, second].map(({ programs }) => programs.vocabSize);
  if (sizes[0] !== sizes[1])
    throw new EspalierError(
      'bad-input',
      `Models with ${sizes.join(' and ')} tokens cannot be compared token by token.`,
      'Compare models with the same tokenizer.',
    );
  const cutters = [first, second].map(({ source, programs }, k) =>
    makeCutter(source, programs.hiddenSize, {
      ...options,
      ...(k === 0 ? { accuracyLevels: 'exact' } : {}),
    }),
  );
  const [own, others] = cutters as [(typeof cutters)[number], (typeof cutters)[number]];
  const { head, residual } = cutHead(own);
  const other = cutHead(others);
  const { typeOf } = others.context;
  const compared = comparisonHead(copySubgraph(head), residual, own.opset, { other });
  for (const input of [residual, OTHER]) own.carry.pack(compared, { block: null, input });
  const context = {
    ...own.context,
    typeOf: (value: string) => (value === OTHER ? typeOf(OTHER) : own.context.typeOf(value)),
  };
  return others.single(
    'compare-models',
    compared,
    COMPARED.map((value) => ({ value: NLL, target: { kind: 'compared', value } })),
    context,
  );
}
