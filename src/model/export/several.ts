// Several precisions of one graph in one folder: what they may be, and what the config says.

import { EspalierError } from '../../errors.ts';
import type { OnePrecision, WrittenGraphs } from './configs/config.ts';
import { dtypeOf, type StepChoice } from './steps.ts';
import type { Loader } from './usage.ts';

/**
 * @param others other precisions of the source that are written too
 * @throws EspalierError `bad-input` where precisions cannot lie in one folder
 */
export function requireApart(
  all: readonly StepChoice[][],
  nameOf: (steps: readonly StepChoice[]) => string,
  kind: Loader,
  others: number,
): void {
  const [first = []] = all;
  if (others > 0 && (all.length > 1 || dtypeOf(first)))
    throw new EspalierError(
      'bad-input',
      `${others + 1} precisions cannot all be written as ${all.map(dtypeInWords).join(', ')}.`,
      'Write every precision as it is, or one of them in another precision.',
    );
  if (kind === 'genai' && all.length > 1)
    throw new EspalierError(
      'bad-input',
      'A folder of ONNX Runtime GenAI has one decoder, whose name its config says.',
      'Export each precision to a folder of its own.',
    );
  const names = all.map(nameOf);
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice !== undefined)
    throw new EspalierError(
      'bad-input',
      `Two of the precisions (${all.map(dtypeInWords).join(', ')}) would be written as ${twice}.`,
      'Name every precision once, and leave out the one that the graph has already.',
    );
}

const dtypeInWords = (steps: readonly StepChoice[]): string =>
  dtypeOf(steps) ?? 'that of the source';

/** What the config says of the precisions; nothing where there is only that of the source. */
export function precisionOf(
  all: readonly StepChoice[][],
  facts: (k: number) => Omit<OnePrecision, 'dtype'>,
): Pick<WrittenGraphs, 'precision'> {
  const [dtype = null, ...more] = all.map(dtypeOf);
  if (more.length === 0) return dtype ? { precision: { dtype, ...facts(0) } } : {};
  const halves = [dtype, ...more].filter((one, k) => one && facts(k).caches === 'float16');
  return { precision: { halves: halves.filter((one) => one !== null) } };
}
