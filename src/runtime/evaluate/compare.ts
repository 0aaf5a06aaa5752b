// Runs the original and the pruned model over one group of segments, and compares their
// predictions token by token.

import { firstChangedBlock } from '../../model/healing/programs.ts';
import type { Unit } from '../../units.ts';
import type { DeviceTensor } from '../device/engine.ts';
import type { Chain } from '../pass/chain.ts';
import type { HiddenStates } from '../pass/hidden.ts';
import type { Pass } from '../pass/pass.ts';
import { headSlices } from '../weights/headSlices.ts';
import type { Stage } from '../weights/stages.ts';
import type { Chunk } from '../weights/windows.ts';
import type { Tally } from './tally.ts';

/** Final hidden states of both; the owner releases them. */
export interface FinalStates {
  original: HiddenStates;
  /** null when nothing is removed or has other weights. */
  plan: HiddenStates | null;
}

/**
 * The final hidden states of the original and of the pruned model, which share those before the
 * first unit that is removed or has other weights.
 * @param planned the pass of the pruned model: `pass`, or one with other weights
 * @param remainders what the pruned model runs in place of each block, null for nothing
 */
export async function runBoth(
  pass: Pass,
  planned: Pass,
  remainders: readonly (Unit | null)[],
  visit: (stage: Stage, next: Stage | null) => Promise<void>,
  onShare: (done: number) => void,
): Promise<FinalStates> {
  const changed = firstChangedBlock(pass.programs, planned.programs);
  await visit('embed', 0);
  const ends: FinalStates = { original: await pass.embed(), plan: null };
  try {
    if (planned.programs.embed !== pass.programs.embed) ends.plan = await planned.embed();
    for (const [block, unit] of remainders.entries()) {
      await visit(block, block + 1 < remainders.length ? block + 1 : 'head');
      if (unit !== block || block >= changed) ends.plan ??= ends.original.retain();
      if (ends.plan && unit !== null) {
        const next = await planned.block(unit, ends.plan);
        ends.plan.release();
        ends.plan = next;
      }
      const next = await pass.block(block, ends.original);
      ends.original.release();
      ends.original = next;
      onShare((block + 1) / (remainders.length + 1));
    }
    if (planned.programs.head !== pass.programs.head) ends.plan ??= ends.original.retain();
    return ends;
  } catch (error) {
    ends.original.release();
    ends.plan?.release();
    throw error;
  }
}

/**
 * Both heads in one program, on half as many rows or positions as the head alone takes; its weights
 * are those of the heads, which are loaded.
 * @param planned as `runBoth` takes it
 */
export async function compareHeads(
  pass: Pass,
  planned: Pass,
  original: HiddenStates,
  plan: HiddenStates,
  from: number,
  tally: Pick<Tally, 'add'>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { chain } = pass;
  const { compare: program } = planned.programs;
  await chain.prepareLate([program], signal);
  try {
    for (const [at, chunk] of pass.chunks.entries()) {
      const states = [original.tensors[at] as DeviceTensor, plan.tensors[at] as DeviceTensor];
      for (const slice of comparedSlices(chain, chunk)) {
        await pass.turn();
        const [nll = [], other = [], kl = [], top = []] = await chain.runHead(
          program,
          slice,
          chunk,
          states,
        );
        for (const [k, values] of nll.entries()) {
          const segment = from + (chunk.windows[slice.row + k] ?? 0);
          tally.add(segment, slice.from, {
            nll: values,
            plan: { nll: other[k]!, kl: kl[k]!, top: top[k]! },
          });
        }
      }
    }
  } finally {
    chain.weights.release([program]);
  }
}

function comparedSlices(chain: Chain, chunk: Chunk): ReturnType<typeof headSlices> {
  const { headByPosition, rowsInteract } = chain.programs;
  const tokens = chain.headTokens ?? chunk.length - 1;
  const byPosition = chain.headRows === 1 && headByPosition && !rowsInteract;
  return headSlices(
    chunk,
    Math.max(1, Math.floor(chain.headRows / 2)),
    byPosition ? Math.max(1, Math.ceil(tokens / 2)) : null,
  );
}
