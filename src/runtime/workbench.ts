// Gets a model and its windows ready to run: sessions, weights, rows per run; must not know what is run over them.

import { EspalierError } from '../errors.ts';
import type { Progress } from '../worker/api.ts';
import { BlockLoader } from './blockLoader.ts';
import type { Chain } from './chain.ts';
import { bufferLimit } from './fault.ts';
import { type Budget, type MemoryPlan, planMemory, weightBytes } from './memory.ts';
import { Pass } from './pass.ts';
import { chooseRows, type Rows, rowsByMemory, warmShapes } from './warmup.ts';
import { chunkWindows } from './windows.ts';

export type Windows = readonly (readonly number[])[];
/** Progress without the name of the job. */
export type Tell = (progress: Omit<Progress, 'job'>) => void;

/** A chain with its weights where the budget wants them, and the windows that are worked on. */
export class Workbench {
  readonly chain: Chain;
  windows: Windows = [];
  private readonly budget: Budget;
  private rows: Rows | null = null;
  private plan: MemoryPlan | null = null;
  private loader: BlockLoader | null = null;
  private forceStreaming = false;

  constructor(chain: Chain, budget: Budget) {
    this.chain = chain;
    this.budget = budget;
  }

  /** True when other windows were in use before. @throws EspalierError `bad-input` for windows that cannot be scored. */
  use(windows: Windows): boolean {
    if (windows.length === 0)
      throw new EspalierError('bad-input', 'There are no windows to measure on.', 'Score the model first, or give windows.');
    chunkWindows(windows, 1, this.chain.programs.vocabSize);
    if (sameWindows(this.windows, windows)) return false;
    this.windows = windows.map((window) => [...window]);
    this.rows = null;
    return true;
  }

  /** Compiles, loads and warms up what is not yet; afterwards the current windows can be run. */
  async prepare(signal: AbortSignal | undefined, tell: Tell): Promise<MemoryPlan> {
    const { chain, windows } = this;
    const probe = chunkWindows(windows, 1, chain.programs.vocabSize).reduce((a, b) => (b.length > a.length ? b : a));
    const logits = (probe.length - 1) * chain.programs.vocabSize * 4;
    if (logits > chain.engine.maxBufferBytes)
      throw bufferLimit('One window of logits', logits, chain.engine.maxBufferBytes, 'Use shorter windows, or the wasm device.');
    await this.load(signal, tell);
    const plan = planMemory(chain.programs, windows.length, probe.length, chain.engine.kind, this.effectiveBudget());
    this.plan = plan;
    if (this.rows) return plan;
    tell({ phase: 'warmup', done: 0, total: 1, unit: 'runs', secondsLeft: null });
    await chain.freeSides();
    await this.visit(0, signal);
    const { hiddenSize, vocabSize } = chain.programs;
    const limits = rowsByMemory(plan.group, probe.length, hiddenSize, vocabSize, chain.engine.maxBufferBytes);
    const rows = await chooseRows(chain, probe, limits, signal);
    chain.headRows = rows.head;
    if (plan.resident) await warmShapes(chain, chunkWindows(windows.slice(0, plan.group), rows.block, vocabSize), signal);
    chain.engine.trim();
    this.rows = rows;
    tell({ phase: 'warmup', done: 1, total: 1, unit: 'runs', secondsLeft: null });
    return plan;
  }

  /** Compiles the programs and loads the weights. Where the device has no room for all, blocks are loaded one after the other from then on. */
  async load(signal: AbortSignal | undefined, tell: Tell): Promise<void> {
    if (this.loader) return;
    const { chain } = this;
    await chain.compile({
      signal,
      onProgram: (done, total) => tell({ phase: 'compile', done, total, unit: 'programs', secondsLeft: null }),
    });
    const { resident } = planMemory(chain.programs, 1, 2, chain.engine.kind, this.effectiveBudget());
    const { embed, side, blocks, head } = chain.programs;
    const total = weightBytes([embed, head, ...(side ? [side] : []), ...(resident ? blocks : blocks.slice(0, 1))], chain.engine.kind);
    const loader = new BlockLoader(chain, resident);
    let read = 0;
    const onBytes = (bytes: number): void => {
      read = Math.min(total, read + bytes);
      tell({ phase: 'read', done: read, total, unit: 'bytes', secondsLeft: null });
    };
    try {
      await loader.loadAll({ signal, onBytes });
      this.loader = loader;
    } catch (error) {
      if (!resident || !(error instanceof EspalierError) || error.code !== 'out-of-memory') throw error;
      chain.weights.dispose();
      this.forceStreaming = true;
      await this.load(signal, tell);
    }
  }

  /** Makes sure that the weights of `block` are on the device. */
  async visit(block: number, signal: AbortSignal | undefined): Promise<void> {
    await this.loader?.visit(block, { signal });
  }

  /** One pass for each group of windows that fits. */
  passes(signal: AbortSignal | undefined): Pass[] {
    const size = this.plan?.group ?? 1;
    const groups = Array.from({ length: Math.ceil(this.windows.length / size) }, (_, k) => this.windows.slice(k * size, (k + 1) * size));
    return groups.map((group) => this.passOver(group, signal));
  }

  passOver(windows: Windows, signal: AbortSignal | undefined): Pass {
    return new Pass(this.chain, chunkWindows(windows, this.rows?.block ?? 1, this.chain.programs.vocabSize), signal);
  }

  private effectiveBudget(): Budget {
    return this.forceStreaming ? { ...this.budget, weights: 0 } : this.budget;
  }
}

function sameWindows(a: Windows, b: Windows): boolean {
  return a.length === b.length && a.every((window, k) => window.length === b[k]?.length && window.every((id, t) => id === b[k]?.[t]));
}
