// Zero-shot tasks by several variants of a model on the same rows: rows to sequences, their
// log-likelihoods, and what they say. The command line and the page use both.

import type { TasksEvent, TasksResult, TaskVariant } from '../../contract/comparison/tasks.ts';
import type { UsedDevice } from '../../contract/device.ts';
import type { Progress } from '../../contract/progress.ts';
import { throwIfCancelled } from '../../errors.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import { taskRequests } from '../../tasks/requests.ts';
import { chosenRows } from '../../tasks/subset.ts';
import type { TaskData } from '../../tasks/types.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import { createYielder } from '../device/yielder.ts';
import { type Gate, TimedGate } from '../pass/gate.ts';
import { checkVocabulary } from '../score/calibration.ts';
import type { ScoreSession } from '../score/session.ts';
import { type LikelihoodVariant, likelihoods, type TaskSequence } from './likelihoods.ts';
import { type AskedTask, TaskResults } from './results.ts';

export interface TasksJob {
  opened: OpenedModel;
  session: ScoreSession;
  tokenizer: Tokenizer;
  tasks: readonly TaskData[];
  /** The variants as the result names them, and what each is. */
  asked: readonly TaskVariant[];
  variants: readonly LikelihoodVariant[];
  /** Rows of each task, drawn by `seed` without replacement; null = all. */
  limit: number | null;
  seed: number;
  device: UsedDevice;
  signal?: AbortSignal | undefined;
  /** Holds the job between two runs. */
  gate?: Gate | undefined;
  store?: CheckpointStore | undefined;
  onEvent?: ((event: TasksEvent) => void) | undefined;
}

/** Where nothing says what a model takes, as the lm-evaluation-harness has it. */
const DEFAULT_LENGTH = 2048;

/** Most tokens of a sequence that run. */
export const maxLengthOf = ({ summary }: Pick<OpenedModel, 'summary'>): number =>
  summary.contextLength ?? DEFAULT_LENGTH;

/**
 * Scores rows of tasks with every variant.
 * @throws EspalierError as `taskRequests` and `likelihoods`; when it is cancelled, an event has
 *   reported the last partial result
 */
export async function scoreTasks(job: TasksJob): Promise<TasksResult> {
  const { opened, session, tokenizer, limit, seed, device, signal, onEvent = () => {} } = job;
  const started = performance.now();
  const maxLength = maxLengthOf(opened);
  const gate = new TimedGate(job.gate);
  const tasks = job.tasks.map((data): AskedTask => ({ data, rows: chosenRows(data, limit, seed) }));
  const { sequences, tokens, truncated } = await sequencesOf(job, tasks, maxLength);
  const results = new TaskResults(tasks, job.asked, tokens, {
    settings: { limit, seed, maxLength, addsBos: tokenizer.addsBos },
    device,
    seconds: () => (performance.now() - started - gate.heldMs) / 1000,
  });
  if (truncated > 0) results.warn(truncatedWarning(truncated, maxLength));
  const onProgress = (progress: Progress): void => onEvent({ type: 'progress', progress });
  const report = new PartialReports(results, onEvent);
  try {
    const found = await likelihoods({
      opened,
      session,
      variants: job.variants,
      sequences,
      signal,
      gate,
      store: job.store,
      onProgress,
      onScored: (variant, indices, sums, tokensSoFar) => {
        results.add(variant, indices, sums);
        results.tokens = tokensSoFar;
        report.offer();
      },
    });
    results.tokens = found.tokens;
    for (const note of found.notes) {
      results.warn(note);
      onEvent({ type: 'note', text: note });
    }
  } catch (error) {
    report.last();
    throw error;
  }
  return results.result();
}

/** The choices of all rows, one after the other. @throws EspalierError as `taskRequests` */
async function sequencesOf(
  { opened, tokenizer, signal }: TasksJob,
  tasks: readonly AskedTask[],
  maxLength: number,
): Promise<{
  sequences: TaskSequence[];
  tokens: (readonly [number, number])[];
  /** Choices whose context was cut. */
  truncated: number;
}> {
  const yieldIfDue = createYielder();
  const sequences: TaskSequence[] = [];
  const tokens: (readonly [number, number])[] = [];
  let truncated = 0;
  let group = 0;
  for (const { data, rows } of tasks)
    for (const row of rows) {
      await yieldIfDue();
      throwIfCancelled(signal);
      for (const request of taskRequests(row, tokenizer, { maxLength, task: data.task })) {
        const { ids, predicts } = request;
        sequences.push({ ids, predicts, group });
        tokens.push(request.tokens);
        if (request.tokens[0] + request.tokens[1] > ids.length) truncated += 1;
      }
      group += 1;
    }
  checkVocabulary(
    sequences.map(({ ids }) => ids),
    opened.summary,
  );
  return { sequences, tokens, truncated };
}

const truncatedWarning = (count: number, maxLength: number): string =>
  `${count === 1 ? 'One choice is' : `${count} choices are`} longer than the ${maxLength} tokens ` +
  'that the model takes: the beginning of the context was cut off, as the lm-evaluation-harness ' +
  'does.';

/** Partial results are reported at most this often, ms; the first at once. */
const PARTIAL_MS = 500;
/** Making and taking them in takes at most one part in so many of a job. */
const RATIO = 20;

/** Partial results, no more often than a person can read them. */
class PartialReports {
  private readonly results: TaskResults;
  private readonly onEvent: (event: TasksEvent) => void;
  private nextAt = 0;
  private pending = false;

  constructor(results: TaskResults, onEvent: (event: TasksEvent) => void) {
    this.results = results;
    this.onEvent = onEvent;
  }

  offer(): void {
    this.pending = true;
    if (performance.now() < this.nextAt) return;
    const started = performance.now();
    this.last();
    const took = performance.now() - started;
    this.nextAt = performance.now() + Math.max(PARTIAL_MS, RATIO * took);
  }

  /** What is known when the job ends early, unless it was reported. */
  last(): void {
    if (!this.pending) return;
    this.pending = false;
    this.onEvent({ type: 'partial', result: this.results.result() });
  }
}
