// What GPTQ goes through in a pruned model, decided before anything runs: the units that are left,
// and in each the matrices by what they multiply.

import { type GroupMatrix, type InputGroup, inputGroups } from '../../../grad/sums/inputGroups.ts';
import type { BoundProgram, ScorePrograms, WeightRef } from '../../../model/programs/program.ts';
import { beforeWidening } from '../../../model/programs/widen.ts';
import type { QuantisableMatrix } from '../../../model/quantise/matrices.ts';
import { keyOf } from '../../../onnx/bytes.ts';
import { blockOf, type Unit } from '../../../units.ts';
import { sequenceOf } from '../../pass/schedule.ts';
import { programOf } from '../../weights/stages.ts';

/** A matrix to quantise. */
export interface GptqMatrix extends GroupMatrix {
  inputs: number;
  /** All places that read its bytes, among the blocks that are left. */
  places: readonly [QuantisableMatrix, ...QuantisableMatrix[]];
}

/** Matrices that multiply the same values. */
export interface GptqGroup extends Pick<InputGroup, 'values' | 'inputs'> {
  matrices: readonly GptqMatrix[];
}

/** A block or sublayer that is left. */
export interface GptqPart {
  unit: Unit;
  block: number;
  bound: BoundProgram;
  /** In the order of the data flow. */
  groups: readonly GptqGroup[];
  /** Matrices that an earlier part quantises and this one reads too. */
  shared: readonly GptqMatrix[];
}

export interface GptqParts {
  /** In the order in which they run. */
  parts: GptqPart[];
  /** Matrices that are rounded to the nearest, because no value is known that they multiply. */
  plain: QuantisableMatrix[];
}

/**
 * Reads no weights.
 * @param programs in float32, see `fitted`
 * @param matrices those to quantise, each block's in the order of the graph
 */
export function gptqParts({
  programs,
  removed,
  matrices,
}: {
  programs: ScorePrograms;
  removed: readonly Unit[];
  matrices: readonly QuantisableMatrix[];
}): GptqParts {
  const sequence = sequenceOf(programs.blocks.length, removed);
  const left = new Set<number | null>(sequence.map(blockOf));
  const all = new Map<string, QuantisableMatrix[]>();
  for (const matrix of matrices) {
    const key = keyOf(matrix.data);
    all.set(key, [...(all.get(key) ?? []), matrix]);
  }
  const places = new Map<string, GptqMatrix['places']>();
  for (const [key, found] of all) {
    // What is borrowed from a block that is removed is there as long as it is read.
    const [first, ...more] = found.filter(({ block }) => left.has(block));
    places.set(key, first ? [first, ...more] : [found[0]!]);
  }
  const met = new Set<string>();
  const parts = sequence.map((unit): GptqPart => {
    const block = blockOf(unit);
    const bound = programOf(programs, unit);
    const keys = new Map<string, string>();
    for (const [input, ref] of bound.weights) {
      const key = storedKey(ref);
      if (places.has(key)) keys.set(input, key);
    }
    const known = (matrix: GroupMatrix): boolean => met.has(keys.get(matrix.weight)!);
    const found = inputGroups(bound, new Set(keys.keys())).map((group) => {
      const own = group.matrices.map((matrix): GptqMatrix => {
        return {
          ...matrix,
          inputs: group.inputs,
          places: places.get(keys.get(matrix.weight)!)!,
        };
      });
      return { ...group, matrices: own };
    });
    const shared = found.flatMap((group) => group.matrices.filter(known));
    const groups = found
      .map((group) => ({ ...group, matrices: group.matrices.filter((one) => !known(one)) }))
      .filter((group) => group.matrices.length > 0);
    for (const { weight } of groups.flatMap((group) => group.matrices)) met.add(keys.get(weight)!);
    return { unit, block, bound, groups, shared };
  });
  const plain = matrices.filter(
    (matrix) => !met.has(keyOf(matrix.data)) && isLeft(matrix, programs, parts),
  );
  return { parts, plain };
}

/** Whether a pruned model still has a matrix that none of its groups holds. */
function isLeft(
  { block, data }: QuantisableMatrix,
  programs: ScorePrograms,
  parts: readonly GptqPart[],
): boolean {
  const part = parts.find((other) => other.block === block);
  if (!part) return false;
  const reads = ({ weights }: BoundProgram): boolean =>
    [...weights.values()].some((ref) => storedKey(ref) === keyOf(data));
  // What the whole block reads and this does not went with the sublayer that was removed.
  return reads(part.bound) || !reads(programs.blocks[part.block]!);
}

const storedKey = ({ data }: WeightRef): string => keyOf(beforeWidening(data));
