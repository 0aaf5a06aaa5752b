// How far a measurement of width is, in runs of a block on a group of windows.

import type { Progress } from '../../contract/progress.ts';
import type { WidthMethod } from '../../model/width/types.ts';

/** Gradients take about as long as this many forward runs of each block. */
const GRADIENT_RUNS = 5;

export class WidthProgress {
  private readonly methods: readonly WidthMethod[];
  private readonly blocks: number;
  private readonly tell: (progress: Progress) => void;
  private readonly heldMs: () => number;
  private started: number;
  private total: number;
  /** Steps before the forward runs, which take times of their own. */
  private before = 0;
  private done = 0;

  /** @param heldMs how long the job was held so far, ms */
  constructor(
    methods: readonly WidthMethod[],
    blocks: number,
    tell: (progress: Progress) => void,
    heldMs: () => number,
  ) {
    this.methods = methods;
    this.blocks = blocks;
    this.tell = tell;
    this.heldMs = heldMs;
    this.started = this.now();
    this.total = this.gradientSteps + this.forwardSteps(1);
  }

  /** How far the gradients are. */
  gradients({ done, total, phase }: Progress): void {
    if (phase !== 'score') return;
    this.done = Math.round((this.gradientSteps * done) / Math.max(1, total));
    this.report();
  }

  /** The forward runs begin. @param groups of windows */
  begin(groups: number): void {
    this.before = this.gradientSteps;
    this.done = this.before;
    this.total = this.before + this.forwardSteps(groups);
    this.started = this.now();
    this.report();
  }

  step(): void {
    this.done = Math.min(this.total, this.done + 1);
    this.report();
  }

  private get gradientSteps(): number {
    return this.methods.includes('llm-pruner') ? GRADIENT_RUNS * this.blocks : 0;
  }

  /** The original, and what each method runs: its statistics, and each plan that is measured. */
  private forwardSteps(groups: number): number {
    const { blocks, methods } = this;
    const pass = blocks * groups;
    // Groups of windows that have no room together run from the start for every block.
    const inTurn = groups === 1 ? blocks - 1 : (groups * blocks * (blocks - 1)) / 2;
    const steps = { 'wanda-sp': 2 * pass + inTurn, flap: 3 * pass, 'llm-pruner': pass };
    return methods.reduce((sum, method) => sum + steps[method], pass);
  }

  /** Without the time that the job was held, ms. */
  private now(): number {
    return performance.now() - this.heldMs();
  }

  private report(): void {
    const { done, total, before } = this;
    const seconds = (this.now() - this.started) / 1000;
    const secondsLeft = done > before ? (seconds / (done - before)) * (total - done) : null;
    this.tell({ job: 'width', phase: 'score', done, total, unit: 'steps', secondsLeft });
  }
}
