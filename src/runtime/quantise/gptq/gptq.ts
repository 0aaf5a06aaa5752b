// GPTQ of a pruned model: block by block, each matrix by the inputs that the part which is already
// quantised gives it.

import { factorInputs, type InputFactor } from '../../../analysis/algebra/gptq.ts';
import { SymmetricMatrix } from '../../../analysis/algebra/symmetric.ts';
import type { Progress } from '../../../contract/progress.ts';
import { EspalierError } from '../../../errors.ts';
import { gramProgram } from '../../../grad/sums/gram.ts';
import type { BoundProgram } from '../../../model/programs/program.ts';
import { fitted } from '../../../model/programs/widen.ts';
import type { QuantisableMatrix } from '../../../model/quantise/matrices.ts';
import { beforeFloat16 } from '../../../model/quantise/packed.ts';
import type { BlockSize, ComputedMatrix } from '../../../model/quantise/quantisation.ts';
import { DataType } from '../../../onnx/graph.ts';
import type { Unit } from '../../../units.ts';
import type { CheckpointStore } from '../../checkpoint/checkpoint.ts';
import { CheckpointWriter } from '../../checkpoint/writer.ts';
import { toFloat32 } from '../../device/host.ts';
import { Pause } from '../../heal/pause.ts';
import { Chain } from '../../pass/chain.ts';
import type { Gate } from '../../pass/gate.ts';
import { longest, type Windows } from '../../pass/scoringContext.ts';
import type { SessionModel } from '../../score/sessionOptions.ts';
import { sidePrograms } from '../../weights/stages.ts';
import { type Chunk, chunkWindows } from '../../weights/windows.ts';
import { type GptqForm, type PackedNibbles, roundMatrix } from './gptqMatrix.ts';
import { type GptqPlan, groupBytes, planGptq } from './gptqMemory.ts';
import { plainNotes, unseenNotes } from './gptqNotes.ts';
import { type GptqGroup, type GptqPart, gptqParts } from './gptqParts.ts';
import { GptqResults, nameOf } from './gptqResults.ts';
import { GptqStates } from './gptqStates.ts';

export interface GptqJob extends SessionModel {
  /** The plan; units as `sortUnits` orders them. */
  removed: readonly Unit[];
  /** Those to quantise, of the blocks alone. */
  matrices: readonly QuantisableMatrix[];
  /** Inputs that share a scale. */
  block: BlockSize;
  /** Element type of the scales as they will be written: float (by default) or float16. */
  scales?: DataType | undefined;
  /** Token ids of the calibration windows. */
  windows: Windows;
  signal?: AbortSignal | undefined;
  /** Holds the job between two runs. */
  gate?: Gate | undefined;
  /**
   * Where finished blocks are written down; a job that was interrupted goes on behind the last.
   * What is finished stays there: the owner clears it.
   */
  store?: CheckpointStore | undefined;
  onProgress(progress: Progress): void;
}

export interface GptqResult {
  /** Of all that is left of the plan, block by block in the order of the data flow. */
  computed: ComputedMatrix[];
  /** What was quantised in another way, and why; sentences. */
  notes: string[];
  /** Tokens of the calibration windows. */
  tokens: number;
  /** Of this run, without pauses. */
  seconds: number;
}

/**
 * Matrices of removed units are left out. The same request gives the same bytes on a device,
 * however often it is interrupted.
 * @throws EspalierError `bad-input` for windows that cannot be run, for weights that are not finite
 *   and for statistics that are no numbers, `too-large` for the budget, `cancelled`; errors of the
 *   engine and the weight store
 */
export async function gptq(given: GptqJob): Promise<GptqResult> {
  const started = performance.now();
  const programs = fitted(given.programs, false);
  const job = { ...given, programs };
  const { engine, windows, signal, gate, budget, block } = job;
  chunkWindows(windows, 1, programs.vocabSize);
  const { parts, plain } = gptqParts(job);
  const size = { windows: windows.length, length: longest(windows) };
  const plan = planGptq({ programs, size, device: engine, budget, block }, parts);
  if (plan.obstacle) throw plan.obstacle;
  const pause = new Pause({ signal, gate });
  const chain = new Chain(programs, job.folder, engine);
  try {
    await chain.compile({ signal, blocksOnly: true });
    await chain.compileLate([programs.embed], signal);
    await chain.weights.load(sidePrograms(programs), { cpu: true, signal });
    const run = new Gptq(job, { chain, parts, plain, plan, pause });
    const found = await run.run();
    return { ...found, seconds: (performance.now() - started - pause.heldMs) / 1000 };
  } finally {
    await chain.dispose();
  }
}

interface Prepared {
  chain: Chain;
  parts: readonly GptqPart[];
  plain: readonly QuantisableMatrix[];
  plan: GptqPlan;
  pause: Pause;
}

class Gptq {
  private readonly job: GptqJob;
  private readonly prepared: Prepared;
  private readonly form: GptqForm;
  private readonly results: GptqResults;
  private readonly states: GptqStates;
  /** Matrices whose inputs are zero on all windows. */
  private readonly unseen = new Set<string>();
  private readonly tokens: number;
  private onStep: () => void = () => {};

  constructor(job: GptqJob, prepared: Prepared) {
    const { chain, parts, plan } = prepared;
    const { turn } = prepared.pause;
    const { signal, windows, programs } = job;
    this.job = job;
    this.prepared = prepared;
    this.form = { block: job.block, scales: job.scales ?? DataType.float };
    this.tokens = windows.reduce((sum, window) => sum + window.length, 0);
    this.results = new GptqResults(parts, this.form, chain.engine.ledger);
    const groups: Chunk[][] = [];
    for (let from = 0; from < windows.length; from += plan.group)
      groups.push(
        chunkWindows(windows.slice(from, from + plan.group), plan.rows, programs.vocabSize),
      );
    const quantised = (part: number): Promise<BoundProgram> => this.results.bound(part, turn);
    this.states = new GptqStates(groups, {
      chain,
      signal,
      turn,
      quantised,
      onPart: () => this.onStep(),
    });
  }

  async run(): Promise<Omit<GptqResult, 'seconds'>> {
    const { parts, plain } = this.prepared;
    const { store } = this.job;
    const writer = store && new CheckpointWriter(store);
    const checkpoint = async () => this.results.checkpoint([...this.unseen]);
    try {
      for (const name of this.results.restore((await writer?.load())?.body)) this.unseen.add(name);
      this.onStep = this.progress();
      for (let at = this.results.finished; at < parts.length; at++) {
        await this.quantise(at);
        this.results.finish(at);
        await writer?.offer(checkpoint);
      }
      const computed = this.results.all();
      for (const matrix of plain) {
        const { tensor, block } = matrix;
        computed.push({ ...(await this.rounded(matrix, null)), tensor, block });
      }
      if (this.results.finished > 0) await store?.save(await checkpoint()).catch(() => {});
      const notes = [...plainNotes(plain), ...unseenNotes([...this.unseen])];
      return { computed, notes, tokens: this.tokens };
    } catch (error) {
      await writer?.last(error, checkpoint);
      throw error;
    } finally {
      this.states.release();
      this.results.release();
    }
  }

  private async quantise(at: number): Promise<void> {
    const { chain, parts } = this.prepared;
    for (const group of parts[at]!.groups) {
      const free = chain.engine.ledger.add('scratch', groupBytes(group, this.form.block));
      try {
        await this.quantiseGroup(at, group);
      } finally {
        free();
      }
    }
  }

  private async quantiseGroup(at: number, group: GptqGroup): Promise<void> {
    const factor = await this.factor(at, group);
    for (const matrix of group.matrices) {
      if (!factor) this.unseen.add(nameOf(matrix));
      const [stored] = matrix.places;
      this.results.add(at, matrix, await this.rounded(stored, factor));
      this.onStep();
    }
  }

  /** Null where the inputs are zero on all windows. */
  private async factor(at: number, group: GptqGroup): Promise<InputFactor | null> {
    const sums = await this.sums(at, group);
    if (sums.trace() === 0) return null;
    const label = group.matrices.map(nameOf).join(', ');
    return factorInputs(sums, this.tokens, this.form.block, label, this.prepared.pause.turn);
  }

  /** X'X over all windows in float64, the inputs in reverse order. */
  private async sums(at: number, { values, inputs }: GptqGroup): Promise<SymmetricMatrix> {
    const { chain, pause } = this.prepared;
    const { turn } = pause;
    const { signal } = this.job;
    const sums = new SymmetricMatrix(inputs);
    for (const [k, chunks] of this.states.groups.entries()) {
      const states = await this.states.before(k, at);
      const { bound, gram } = gramProgram(await this.results.bound(at, turn), values, inputs);
      await chain.prepareLate([bound], signal);
      try {
        for (const [c, chunk] of chunks.entries()) {
          await turn();
          const { host } = await chain.run(bound, chunk, { residual: states[c]!.feed }, new Map());
          for (const { from, to, output } of gram) {
            const tensor = host.get(output);
            if (!tensor) throw new EspalierError('bug', `GPTQ lacks its sums "${output}".`);
            sums.addStripe(from, to, toFloat32(tensor));
            await turn();
          }
        }
      } finally {
        chain.weights.release([bound]);
      }
      if (!this.states.holds) this.states.release();
      this.onStep();
    }
    return sums;
  }

  private rounded(matrix: QuantisableMatrix, factor: InputFactor | null): Promise<PackedNibbles> {
    // What float16 was made of is rounded once.
    const data = beforeFloat16(matrix.data);
    const type = data === matrix.data ? matrix.type : DataType.float;
    const { folder } = this.job;
    const { turn } = this.prepared.pause;
    return roundMatrix({ ...matrix, data, type }, factor, this.form, folder, turn);
  }

  /** Tells how far the job is from here on: sums, matrices, and runs of finished parts. */
  private progress(): () => void {
    const { parts, pause } = this.prepared;
    const { groups: windowGroups, holds } = this.states;
    const last = parts.findLastIndex(({ groups }) => groups.length > 0);
    let total = holds ? last : 0;
    for (let at = this.results.finished; at <= last; at++) {
      const { groups } = parts[at]!;
      const again = holds ? 0 : at;
      total += groups.length * windowGroups.length * (1 + again);
      for (const { matrices } of groups) total += matrices.length;
    }
    const started = performance.now();
    let done = 0;
    return () => {
      done = Math.min(total, done + 1);
      const seconds = (performance.now() - started - pause.heldMs) / 1000;
      const secondsLeft = (seconds / done) * (total - done);
      const { onProgress } = this.job;
      onProgress({ job: 'gptq', phase: 'score', done, total, unit: 'steps', secondsLeft });
    };
  }
}
