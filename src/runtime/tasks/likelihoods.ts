// Log-likelihoods of the last tokens of many sequences, by several variants of a model on the same
// sequences: what zero-shot tasks are scored with.

import type { Progress } from '../../contract/progress.ts';
import { throwIfCancelled } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { CheckpointWriter } from '../checkpoint/writer.ts';
import { type Gate, TimedGate } from '../pass/gate.ts';
import type { ScoreSession } from '../score/session.ts';
import { requireSequences, type TaskSequence } from './batch.ts';
import { LikelihoodProgress } from './progress.ts';
import { scoreSequences } from './score.ts';
import { Scored } from './scored.ts';
import { chainOf, checked, type LikelihoodVariant, partsOf } from './variants.ts';

export type { TaskSequence } from './batch.ts';
export type { LikelihoodVariant } from './variants.ts';

export interface LikelihoodJob {
  opened: OpenedModel;
  session: ScoreSession;
  variants: readonly LikelihoodVariant[];
  sequences: readonly TaskSequence[];
  signal?: AbortSignal | undefined;
  /** Holds the job between two runs. */
  gate?: Gate | undefined;
  /**
   * Where the job is written down; what an interrupted run of it has scored is reported at once and
   * not scored again.
   */
  store?: CheckpointStore | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * What became known of a variant: the sums of log p, nats, of the sequences at `indices`. A sum
   * that is not a number comes from a model that gives none.
   * @param tokens as those of the result, so far
   */
  onScored?:
    | ((
        variant: number,
        indices: readonly number[],
        sums: Float64Array,
        tokens: Likelihoods['tokens'],
      ) => void)
    | undefined;
}

export interface Likelihoods {
  /** By variant and sequence: sum of log p of its predicted tokens, nats. */
  sums: Float64Array[];
  /** Tokens that ran for all variants, and those that would have run had no prefix been shared. */
  tokens: { run: number; unshared: number };
  /** How it was done where that is not as usual, as sentences. */
  notes: string[];
}

/**
 * Scores all sequences with every variant. Variants with the programs of the model run together and
 * share states up to the first block in which they differ; the others run one after the other.
 * Weights and states of the session leave the device first.
 * @throws EspalierError `bad-input` for sequences and plans that cannot be; `cancelled`,
 *   `too-large`, `out-of-memory`, `device-lost`; as `healedPrograms` and `exportedPrograms`. What
 *   was scored by then has been reported and, where there is a store, written down.
 */
export async function likelihoods(job: LikelihoodJob): Promise<Likelihoods> {
  const { session, sequences, signal } = job;
  throwIfCancelled(signal);
  requireSequences(sequences, session.programs.vocabSize);
  const variants = job.variants.map((variant) => checked(session, variant));
  const writer = job.store ? new CheckpointWriter(job.store) : null;
  const scored = new Scored(variants, sequences);
  if (writer) scored.resume((await writer.load())?.body);
  for (const [variant] of variants.entries()) {
    const known = scored.known(variant);
    if (known.indices.length > 0)
      job.onScored?.(variant, known.indices, known.sums, { ...scored.tokens });
  }
  const parts = partsOf(variants);
  const gate = new TimedGate(job.gate);
  const progress = new LikelihoodProgress(
    sequences,
    parts.map((part) => scored.open(part)),
    () => gate.heldMs,
    (given) => job.onProgress?.(given),
  );
  const notes = new Set<string>();
  try {
    for (const [k, part] of parts.entries()) {
      const open = scored.open(part);
      if (open.length === 0) continue;
      await session.alone(async (model) => {
        const own = part.map((variant) => variants[variant]!);
        const chain = await chainOf(job, model, own);
        await scoreSequences({
          ...chain,
          sequences,
          open,
          signal,
          gate,
          onPhase: (phase, done, total) => progress.phase(phase, done, total),
          onShare: (share) => progress.share(k, share),
          onNote: (note) => notes.add(note),
          async onScored(indices, sums, tokens) {
            scored.add(part, indices, sums, tokens);
            for (const [at, variant] of part.entries())
              job.onScored?.(variant, indices, sums[at]!, { ...scored.tokens });
            await writer?.offer(async () => scored.checkpoint());
          },
        });
      });
    }
  } catch (error) {
    await writer?.last(error, async () => scored.checkpoint());
    throw error;
  }
  await writer?.clear();
  return { sums: scored.sums, tokens: scored.tokens, notes: [...notes] };
}
