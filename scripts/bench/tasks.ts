// Zero-shot tasks on the sample: tokens per second against a bare loop of ONNX Runtime over the
// same batches, and what sharing prefixes saves against what the count of tokens says.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenedModel, openModel } from '../../src/model/open/open.ts';
import { nodeFolder } from '../../src/node/folder.ts';
import { loadGraph } from '../../src/runtime/decode/loadGraph.ts';
import type { DirectRunner, Engine } from '../../src/runtime/device/engine.ts';
import { filled, numbers } from '../../src/runtime/device/host.ts';
import { ScoreSession } from '../../src/runtime/score/session.ts';
import { type Batch, BatchBuilder, type TaskSequence } from '../../src/runtime/tasks/batch.ts';
import { likelihoods } from '../../src/runtime/tasks/likelihoods.ts';
import { median, type Timed, timed } from './clocks.ts';
import { atLeast, atMost, type Check, report } from './limits.ts';
import { type LlamaShape, writeLlama } from './llama.ts';
import { openSample } from './scored.ts';

export interface TasksRow {
  name: string;
  device: string;
  sequences: number;
  tokens: { run: number; unshared: number };
  /** Of each round: the job from its start to its end, and the bare loop. */
  ours: Timed[];
  bare: Timed[];
  /** A job of the first row alone: what compiling, reading weights and the trial take. */
  start: { tokens: number; times: Timed[] };
  /** Tokens of the sequences per second of processor time. */
  speed: { ours: number; bare: number };
  /** Largest difference of a log-likelihood between the two, nats. */
  difference: number;
  /**
   * Time that sharing saves behind the first row, over what the count of tokens says; where
   * contexts are shared.
   */
  saved?: number;
  checks: Check[];
  ok: boolean;
}

const CHOICES = 4;
const ROUNDS = 3;
const SPEED = 0.8;
/** Of what the count of tokens says. */
const SAVED = 0.8;
const DIFFERENCE = 1e-3;

/** Blocks as wide as those of a model of half a billion parameters. */
const WIDE: LlamaShape = {
  blocks: 2,
  hidden: 1024,
  heads: 8,
  kvHeads: 2,
  ffn: 2816,
  vocab: 2048,
  positions: 512,
  ropeTheta: 10000,
};

/** A model, and how many rows it answers. */
interface Subject {
  name: string;
  opened: OpenedModel;
  engine: Engine;
  ids: readonly number[];
  rows: number;
}

/** Rows as those of HellaSwag are long: contexts with four endings, all cut out of a text. */
export async function benchTasks(root: string): Promise<TasksRow[]> {
  const sample = await openSample(root);
  const { engine } = sample;
  const text = readFileSync(join(root, 'public/text/evaluation.txt'), 'utf8');
  const ids = sample.tokenizer.encode(text);
  const out = mkdtempSync(join(tmpdir(), 'espalier-tasks-'));
  try {
    writeLlama(join(root, 'public/sample'), out, WIDE);
    const wide = await openModel(await nodeFolder(out), 'model.onnx');
    const rows = [
      ...(await saving({ name: 'sample', opened: sample.opened, engine, ids, rows: 24 }, null)),
      ...(await saving({ name: 'wide blocks', opened: wide, engine, ids, rows: 8 }, SAVED)),
    ];
    report(rows.flatMap(({ checks }) => checks));
    return rows;
  } finally {
    rmSync(out, { recursive: true });
    await sample.close();
  }
}

/**
 * Rows whose choices share a context, and as many whose choices do not.
 * @param limit of the time that sharing saves, over what the count of tokens says; null: in narrow
 *   blocks much of the time is attention, which is computed for each choice
 */
async function saving(subject: Subject, limit: number | null): Promise<TasksRow[]> {
  const shared = await measure(subject, true);
  const alone = await measure(subject, false);
  const [less, more] = [shared, alone].map(({ tokens, ours, start }) => ({
    tokens: tokens.run - start.tokens,
    seconds: seconds(ours) - seconds(start.times),
  }));
  const counted = more!.tokens / less!.tokens;
  const saved = more!.seconds / less!.seconds / counted;
  const name = `${subject.name}: time saved by sharing, of ${counted.toFixed(2)} x by tokens`;
  if (limit !== null) shared.checks.push(atLeast(name, saved, limit));
  return [{ ...shared, saved }, alone].map((row) => ({
    ...row,
    ok: row.checks.every(({ ok }) => ok),
  }));
}

/** @param shared the choices of a row have one context; otherwise each has its own, as long */
function sequencesOf({ ids, rows }: Subject, shared: boolean): TaskSequence[] {
  return Array.from({ length: rows * CHOICES }, (_, k) => {
    const row = Math.floor(k / CHOICES);
    const context = 60 + ((row * 7) % 50);
    const ending = 6 + ((k * 5) % 12);
    const from = (shared ? row : k) * 97;
    const start = ids.slice(from, from + context);
    return { ids: [...start, ...ids.slice(k * 31, k * 31 + ending)], predicts: ending, group: row };
  });
}

const seconds = (times: readonly Timed[]): number =>
  median(times.map(({ processor }) => processor));

async function measure(subject: Subject, shared: boolean): Promise<TasksRow> {
  const { opened, engine } = subject;
  const sequences = sequencesOf(subject, shared);
  const contexts = shared ? 'one context for 4 choices' : 'a context for each choice';
  const name = `${subject.name}, ${contexts}`;
  const session = ScoreSession.open(opened, engine);
  const variants = [{ removed: [], steps: [] }];
  const groups: (readonly number[])[] = [];
  const job = { opened, session, variants, sequences };
  const found = await likelihoods({ ...job, onScored: (_, indices) => void groups.push(indices) });
  // The batches that ran, as ordinary rows.
  const batches = groups.map((indices) => {
    const builder = new BatchBuilder({ shared: false, padded: true, whole: false });
    for (const index of indices) builder.add(index, sequences[index]!);
    return builder.build();
  });
  const loop = await bareLoop(subject);
  const first = { ...job, sequences: sequences.slice(0, CHOICES) };
  const start = { tokens: (await likelihoods(first)).tokens.run, times: [] as Timed[] };
  const [ours, bare]: [Timed[], Timed[]] = [[], []];
  const sums = new Float64Array(sequences.length);
  for (let round = 0; round < ROUNDS; round++) {
    start.times.push(await timed(() => likelihoods(first)));
    ours.push(await timed(() => likelihoods(job)));
    sums.fill(0);
    bare.push(await timed(() => loop.run(batches, sums)));
  }
  await loop.release();
  await session.dispose();
  const { unshared } = found.tokens;
  const speed = { ours: unshared / seconds(ours), bare: unshared / seconds(bare) };
  const difference = Math.max(...sums.map((sum, k) => Math.abs(sum - found.sums[0]![k]!)));
  const checks = [
    atLeast(`${name}: tokens/s over those of a bare loop`, speed.ours / speed.bare, SPEED),
    atMost(`${name}: difference to the bare loop`, difference, DIFFERENCE),
  ];
  const device = `${engine.kind} (${engine.name})`;
  const { tokens } = found;
  const row = { name, device, sequences: sequences.length, tokens, ours, bare, start, speed };
  return { ...row, difference, checks, ok: true };
}

/** The graph as it is, a run for each batch; the sums of log p are taken from its logits. */
async function bareLoop({ opened, engine }: Subject): Promise<{
  run(batches: readonly Batch[], sums: Float64Array): Promise<void>;
  release(): Promise<void>;
}> {
  const loaded = await loadGraph(opened, engine);
  const runner = await engine.direct(loaded.compiled);
  return {
    async run(batches, sums) {
      for (const batch of batches) await runBatch(opened, engine, runner, batch, sums);
    },
    release: loaded.release,
  };
}

async function runBatch(
  { structure }: OpenedModel,
  engine: Engine,
  runner: DirectRunner,
  { chunk, predictions }: Batch,
  sums: Float64Array,
): Promise<void> {
  const { rows, length, ids } = chunk;
  const feeds = Object.fromEntries(
    structure.graph.inputs.map(({ name, dims }) => {
      if (name === structure.tokenInput)
        return [name, engine.wrap(numbers('int64', [rows, length], ids))];
      if (name === 'attention_mask') return [name, engine.wrap(filled('int64', [rows, length], 1))];
      const past = [rows, Number(dims?.[1]), 0, Number(dims?.[3])];
      return [name, engine.wrap(filled('float32', past, 0))];
    }),
  );
  const { [structure.logits]: logits } = await runner.run(feeds, { [structure.logits]: null });
  const values = logits!.data as Float32Array;
  const width = values.length / (rows * length);
  for (const { sequence, position, target } of predictions) {
    const row = values.subarray(position * width, (position + 1) * width);
    let top = Number.NEGATIVE_INFINITY;
    for (const value of row) top = Math.max(top, value);
    let sum = 0;
    for (const value of row) sum += Math.exp(value - top);
    sums[sequence]! += row[target]! - top - Math.log(sum);
  }
}
