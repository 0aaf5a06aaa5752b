// The order in which scoring needs weights: embedding, blocks, head; and what several of them
// share.

import type { DeviceKind } from '../../contract/device.ts';
import { EspalierError } from '../../errors.ts';
import type { BoundProgram, ScorePrograms, WeightRef } from '../../model/programs/program.ts';
import { keyOf, storedLength } from '../../onnx/bytes.ts';
import { blockOf, sublayerOf, type Unit } from '../../units.ts';

/** A part of the model whose weights are loaded and dropped together. */
export type Stage = 'embed' | number | 'head';

export interface Stages {
  /** All stages in the order of a pass. */
  order: readonly Stage[];
  /**
   * Programs cut down to the weights that more than one stage reads (tied tables, shared rotary
   * tables): they stay, so that no byte is read twice.
   */
  pinned: readonly BoundProgram[];
  /** Bytes of `pinned` and of the programs of side values. */
  pinnedBytes: number;
  /** Bytes that only this stage reads. */
  ownBytes(stage: Stage): number;
}

/** Same key, same bytes, one buffer. */
const weightKey = ({ data }: WeightRef): string => keyOf(data);

/** Bytes of the distinct ranges that the programs read, as the device rounds them. */
export function weightBytes(programs: readonly BoundProgram[], kind: DeviceKind): number {
  const seen = new Map<unknown, number>();
  for (const { weights } of programs)
    for (const ref of weights.values())
      seen.set(
        weightKey(ref),
        kind === 'webgpu' ? Math.max(16, Math.ceil(ref.byteLength / 16) * 16) : ref.byteLength,
      );
  return [...seen.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** The programs of side values, which the CPU execution provider runs. */
export function sidePrograms({ side, tokenSide }: ScorePrograms): BoundProgram[] {
  return [side, tokenSide].filter((bound) => bound !== null);
}

export function allPrograms(programs: ScorePrograms): BoundProgram[] {
  return [programs.embed, ...sidePrograms(programs), ...programs.blocks, programs.head];
}

/** The program of a block or sublayer. @throws EspalierError `bug` where there is none. */
export function programOf(programs: ScorePrograms, unit: Unit): BoundProgram {
  const sublayer = sublayerOf(unit);
  const bound =
    sublayer === null
      ? programs.blocks[blockOf(unit)]
      : programs.sublayers?.[blockOf(unit)]?.[sublayer];
  if (!bound)
    throw new EspalierError(
      'bug',
      `There is no ${sublayer ? 'sublayer' : 'block'} ${unit} to run.`,
    );
  return bound;
}

/** Bytes of the largest weight: one buffer must hold it. */
export function largestWeight(programs: ScorePrograms): number {
  return Math.max(
    0,
    ...allPrograms(programs).flatMap(({ weights }) =>
      [...weights.values()].map((ref) => ref.byteLength),
    ),
  );
}

/** Bytes of the distinct ranges in the files. */
export function storedBytes(programs: ScorePrograms): number {
  const seen = new Map<unknown, number>();
  for (const { weights } of allPrograms(programs))
    for (const ref of weights.values()) seen.set(weightKey(ref), storedLength(ref.data));
  return [...seen.values()].reduce((sum, bytes) => sum + bytes, 0);
}

function boundOf(programs: ScorePrograms, stage: Stage): BoundProgram | undefined {
  if (stage === 'embed') return programs.embed;
  return stage === 'head' ? programs.head : programs.blocks[stage];
}

/** The distinct programs of a stage of the same model with different weights. */
export function boundsOf(variants: readonly ScorePrograms[], stage: Stage): BoundProgram[] {
  const found = variants.map((programs) => boundOf(programs, stage));
  return [...new Set(found.filter((bound) => bound !== undefined))];
}

/**
 * @param others the same model with other weights, whose stages are loaded together with those of
 *   `programs`
 */
export function stagesOf(
  programs: ScorePrograms,
  kind: DeviceKind,
  others: readonly ScorePrograms[] = [],
): Stages {
  const order: Stage[] = ['embed', ...programs.blocks.keys(), 'head'];
  const bound = new Map(order.map((stage) => [stage, boundsOf([programs, ...others], stage)]));
  const users = new Map<unknown, number>();
  for (const together of bound.values())
    for (const key of new Set(
      together.flatMap(({ weights }) => [...weights.values()].map(weightKey)),
    ))
      users.set(key, (users.get(key) ?? 0) + 1);
  const part = (program: BoundProgram, shared: boolean): BoundProgram => ({
    ...program,
    weights: new Map(
      [...program.weights].filter(([, ref]) => (users.get(weightKey(ref)) ?? 0) > 1 === shared),
    ),
  });
  const pinned = [...bound.values()]
    .flat()
    .map((program) => part(program, true))
    .filter(({ weights }) => weights.size > 0);
  const own = new Map(
    [...bound].map(([stage, together]) => [
      stage,
      weightBytes(
        together.map((program) => part(program, false)),
        kind,
      ),
    ]),
  );
  return {
    order,
    pinned,
    pinnedBytes: weightBytes(pinned, kind) + weightBytes(sidePrograms(programs), kind),
    ownBytes: (stage) => own.get(stage) ?? 0,
  };
}
