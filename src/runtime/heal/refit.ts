// Refitting a pruned model by least squares: the last product before each run of removed blocks is
// changed so that the residual stream after it comes as close as it can to what the original has
// behind the run.

import { RidgeSums, solveRidge } from '../../analysis/algebra/ridge.ts';
import type { RefitSettings } from '../../contract/heal.ts';
import type { Progress } from '../../contract/progress.ts';
import { EspalierError } from '../../errors.ts';
import { measuredProgram, sumsProgram, withMatrix } from '../../grad/refit/programs.ts';
import type { WeightChange } from '../../model/healing/healing.ts';
import type { BoundProgram } from '../../model/programs/program.ts';
import { fitted } from '../../model/programs/widen.ts';
import type { Structure } from '../../model/structure/structure.ts';
import { blockOf, type Unit } from '../../units.ts';
import { type HostTensor, toFloat32 } from '../device/host.ts';
import { Chain } from '../pass/chain.ts';
import type { Gate } from '../pass/gate.ts';
import { longest, type Windows } from '../pass/scoringContext.ts';
import { StageLoader } from '../pass/stageLoader.ts';
import { chooseBlockRows } from '../pass/warmup.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import { chunkWindows } from '../weights/windows.ts';
import { Pause } from './pause.ts';
import { changedMatrix, readMatrix } from './refitMatrix.ts';
import { planRefit, withoutHead, workBytes } from './refitMemory.ts';
import { capital, type RefitPart, type RefitParts, refitParts } from './refitParts.ts';
import { GroupStates, type RefitRuns, runBlock, type StatesAround } from './refitStates.ts';
import { unitInWords } from './refitTargets.ts';

export interface RefitJob extends SessionModel {
  structure: Structure;
  /** The plan; units as `sortUnits` orders them. */
  removed: readonly Unit[];
  settings: Pick<RefitSettings, 'all' | 'ridge'>;
  /** Token ids of the windows to fit on. */
  windows: Windows;
  signal?: AbortSignal | undefined;
  /** Holds the refit between two runs. */
  gate?: Gate | undefined;
  onProgress(progress: Progress): void;
}

/** A product that was refitted. */
interface RefittedProduct {
  unit: Unit;
  /** Block of the source. */
  block: number;
  /** Name of the stored matrix. */
  tensor: string;
  /** Removed units that it makes up for; none for a block that was refitted besides. */
  run: readonly Unit[];
  /** Inputs and outputs of the product. */
  inputs: number;
  outputs: number;
  /**
   * Sum over the tokens of the fit windows of |x - t|^2, x the residual stream after the unit, t
   * what the original has there: with the weights before, and with those after.
   */
  before: number;
  after: number;
  lambda: number;
}

export interface Refitted {
  /** In the order in which they were made. */
  changes: WeightChange[];
  products: RefittedProduct[];
  /** What could not be refitted, or only in another way, and why; sentences. */
  notes: string[];
  /** Tokens of the fit windows. */
  tokens: number;
  /** Without pauses. */
  seconds: number;
}

/**
 * @throws EspalierError `bad-input` for windows that cannot be run and for least squares without a
 *   single solution, `too-large` for the budget, `cancelled`; errors of the engine and the weight
 *   store.
 */
export async function refit(given: RefitJob): Promise<Refitted> {
  const started = performance.now();
  const { signal, gate } = given;
  const pause = new Pause({ signal, gate });
  const found = await refitted(given, pause);
  return { ...found, seconds: (performance.now() - started - pause.heldMs) / 1000 };
}

type Untimed = Omit<Refitted, 'seconds'>;

async function refitted(given: RefitJob, pause: Pause): Promise<Untimed> {
  const programs = fitted(given.programs, false);
  const job = { ...given, programs };
  const { engine, windows, signal } = job;
  chunkWindows(windows, 1, programs.vocabSize);
  const { order, parts, notes } = refitParts(job);
  const tokens = windows.reduce((sum, window) => sum + window.length, 0);
  if (parts.length === 0) return { changes: [], products: [], notes, tokens };
  const size = { windows: windows.length, length: longest(windows) };
  const body = withoutHead(programs);
  const plan = planRefit(body, parts, size, engine, job.budget);
  if (plan.obstacle) throw plan.obstacle;
  const chain = new Chain(body, job.folder, engine);
  const loader = new StageLoader(chain, plan);
  try {
    await chain.compile({ signal, blocksOnly: true });
    await chain.compileLate([programs.embed], signal);
    await loader.loadPinned({ signal });
    await loader.visit(0, null, { signal });
    const rows = await chooseBlockRows(chain, size.length, plan.rows, signal);
    const group = plan.group;
    const prepared = { chain, loader, order, parts, notes, rows, group, pause };
    return await new Refit(job, prepared).run();
  } finally {
    await loader.dispose();
    await chain.dispose();
  }
}

interface Prepared extends RefitParts {
  chain: Chain;
  loader: StageLoader;
  /** Windows in one run, and windows whose states are held together. */
  rows: number;
  group: number;
  pause: Pause;
}

/** Shares of |D| that are tried where the squared error is not what least squares say. */
const STEPS = [1, 0.5, 0.25, 0.125];

class Refit {
  private readonly job: RefitJob;
  private readonly prepared: Prepared;
  private readonly runs: RefitRuns;
  private readonly groups: GroupStates[];
  /** Programs of the units that have other weights by now. */
  private readonly refitted = new Map<Unit, BoundProgram>();
  /** Entries of the ledger for the matrices made so far. */
  private readonly results: (() => void)[] = [];

  constructor(job: RefitJob, prepared: Prepared) {
    this.job = job;
    this.prepared = prepared;
    const { chain, loader, order, parts, rows, group, pause } = prepared;
    const { turn } = pause;
    const { signal, windows, programs } = job;
    this.runs = { chain, loader, signal, turn, onBlock: this.progress() };
    const shared = Math.min(...[...job.removed, parts[0]!.unit].map(blockOf));
    this.groups = Array.from({ length: Math.ceil(windows.length / group) }, (_, k) => {
      const own = windows.slice(k * group, (k + 1) * group);
      const chunks = chunkWindows(own, rows, programs.vocabSize);
      return new GroupStates(chunks, order.kept, shared, this.runs);
    });
  }

  async run(): Promise<Untimed> {
    const { parts, notes } = this.prepared;
    const found: Untimed = {
      changes: [],
      products: [],
      notes: [...notes],
      tokens: this.job.windows.reduce((sum, window) => sum + window.length, 0),
    };
    try {
      for (const part of parts) {
        const { change, product, note } = await this.fit(part);
        if (change) found.changes.push(change);
        if (product) found.products.push(product);
        if (note) found.notes.push(note);
      }
      return found;
    } finally {
      for (const group of this.groups) group.release();
      for (const free of this.results) free();
    }
  }

  private async fit(part: RefitPart): Promise<Fitted> {
    const { chain, turn, onBlock, signal } = this.runs;
    const { product, unit, tensor, run, bound } = part;
    const free = chain.engine.ledger.add('scratch', workBytes(product));
    try {
      const sums = await this.sums(part);
      const before = sums.squared;
      // Where states are not held, the error after is what the sums say.
      const cross = this.holds || !product.exact ? null : sums.cross.slice();
      const { change, lambda } = await solveRidge(sums, this.job.settings.ridge, turn);
      onBlock();
      const [chunk] = this.groups[0]!.chunks;
      const { folder } = this.job;
      const matrix = await readMatrix(chain, folder, bound, product, chunk!, signal);
      for (const step of STEPS) {
        await turn();
        const { stored, read } = changedMatrix(matrix, change, step, product);
        this.refitted.set(unit, withMatrix(bound, product, read));
        const after = cross
          ? errorAfter(before, cross, change, lambda)
          : await this.measure(part, this.refitted.get(unit)!, before);
        // Nothing is kept where one of them is not a number.
        if (!(after <= before)) continue;
        const block = blockOf(unit);
        const { inputs, outputs } = product;
        const made = stored.length + (read.buffer === stored.buffer ? 0 : read.length);
        this.results.push(chain.engine.ledger.add('scratch', made));
        return {
          change: { tensor, block, kind: 'replaced', values: stored },
          product: { unit, block, tensor, run, inputs, outputs, before, after, lambda },
        };
      }
      this.refitted.delete(unit);
      return {
        note:
          `${capital(unitInWords(unit))} is not refitted: no change of ${tensor} brings it ` +
          'closer to the original on these windows.',
      };
    } finally {
      free();
    }
  }

  /** Over all windows, in float64. */
  private async sums(part: RefitPart): Promise<RidgeSums> {
    const { inputs, outputs } = part.product;
    const sums = new RidgeSums(inputs, outputs);
    const { bound, gram, cross, squares } = sumsProgram(part.bound, part.product);
    const { chain, turn } = this.runs;
    await this.eachGroup(part, bound, async (group, { pruned, wanted }) => {
      for (const [at, chunk] of group.chunks.entries()) {
        await turn();
        const states = { residual: pruned.tensors[at]!, other: wanted.tensors[at]! };
        const { host } = await chain.run(bound, chunk, states, new Map());
        for (const { from, to, output } of gram)
          sums.gram.addStripe(from, to, valuesOf(host, output));
        sums.addCross(valuesOf(host, cross));
        sums.squared += total(valuesOf(host, squares));
      }
    });
    return sums;
  }

  /**
   * The squared error with another program of the unit. Where states are held and it is not above
   * `most`, the pruned model goes on from there.
   */
  private async measure(part: RefitPart, program: BoundProgram, most: number): Promise<number> {
    const { chain } = this.runs;
    const { bound, squares } = measuredProgram(program, part.product);
    let sum = 0;
    await this.eachGroup(part, bound, async (group, { pruned, wanted }) => {
      const after = await group.each(async (chunk, at) => {
        const states = { residual: pruned.tensors[at]!, other: wanted.tensors[at]! };
        const { state, host } = await runBlock(chain, bound, chunk, states);
        sum += total(valuesOf(host, squares));
        return state;
      });
      if (this.holds && sum <= most) group.goOn(part.at, after);
      else after.release();
    });
    return sum;
  }

  /** Runs `work` on each group with the states around the unit and the weights of `bound`. */
  private async eachGroup(
    part: RefitPart,
    bound: BoundProgram,
    work: (group: GroupStates, states: StatesAround) => Promise<void>,
  ): Promise<void> {
    const { chain, signal, onBlock } = this.runs;
    for (const group of this.groups) {
      const states = await group.before(part, this.refitted);
      await chain.prepareLate([bound], signal);
      try {
        await work(group, states);
      } finally {
        chain.weights.release([bound]);
      }
      onBlock();
      if (!this.holds) group.release();
    }
  }

  /** All windows are one group, whose states stay from one part to the next. */
  private get holds(): boolean {
    return this.groups.length === 1;
  }

  /** Tells how far the refit is, in runs of a block over all windows. */
  private progress(): () => void {
    const { parts, pause } = this.prepared;
    const last = parts.at(-1)!;
    // The original and the pruned model, and for each part its sums, its solution and its check.
    const passes = this.prepared.group < this.job.windows.length ? parts.length : 1;
    const groups = Math.ceil(this.job.windows.length / this.prepared.group);
    const total = (last.wanted.cut + last.at) * passes * groups + parts.length * (1 + 2 * groups);
    const started = performance.now();
    let done = 0;
    return () => {
      done = Math.min(total, done + 1);
      const seconds = (performance.now() - started - pause.heldMs) / 1000;
      const secondsLeft = (seconds / done) * (total - done);
      const { onProgress } = this.job;
      onProgress({ job: 'refit', phase: 'score', done, total, unit: 'steps', secondsLeft });
    };
  }
}

interface Fitted {
  change?: WeightChange;
  product?: RefittedProduct;
  note?: string;
}

/** |r - h D|^2 over all tokens for the solution D of (h'h + lambda I) D = h'r. */
function errorAfter(
  before: number,
  cross: Float64Array,
  change: Float64Array,
  lambda: number,
): number {
  let sum = before;
  for (let k = 0; k < change.length; k++)
    sum -= change[k]! * cross[k]! + lambda * change[k]! * change[k]!;
  return sum;
}

function valuesOf(host: ReadonlyMap<string, HostTensor>, output: string): Float32Array {
  const tensor = host.get(output);
  if (!tensor) throw new EspalierError('bug', `A refit lacks its sums "${output}".`);
  return toFloat32(tensor);
}

function total(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
