// A model on windows while its width is measured: weights as the budget allows, groups of windows,
// and states that go from block to block.

import { measureWindows } from '../../analysis/perplexity.ts';
import type { Progress } from '../../contract/progress.ts';
import type { Measure } from '../../contract/score.ts';
import { throwIfCancelled } from '../../errors.ts';
import type { BoundProgram, ScorePrograms } from '../../model/programs/program.ts';
import { Chain } from '../pass/chain.ts';
import type { Gate } from '../pass/gate.ts';
import { TimedGate } from '../pass/gate.ts';
import type { Pass } from '../pass/pass.ts';
import { ScoringContext, type Windows } from '../pass/scoringContext.ts';
import { runPlan } from '../score/plans.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import type { Stage } from '../weights/stages.ts';

/** States of a window that are alive at a time: before and after a block, and one to spare. */
const ALIVE = 3;

export interface WidthRunsJob extends SessionModel {
  windows: Windows;
  signal?: AbortSignal | undefined;
  gate?: Gate | undefined;
  /** While weights are read and programs compiled. */
  onProgress(progress: Progress): void;
  /** After a block has run on a group of windows. */
  onStep(): void;
}

/** A group of windows, the first of which has this number. */
export interface WindowGroup {
  first: number;
  windows: Windows;
}

export class WidthRuns {
  readonly chain: Chain;
  readonly gate: TimedGate;
  groups: readonly WindowGroup[] = [];
  private readonly job: WidthRunsJob;
  private readonly context: ScoringContext;

  constructor(job: WidthRunsJob) {
    this.job = job;
    this.gate = new TimedGate(job.gate);
    this.chain = new Chain(job.programs, job.folder, job.engine);
    this.context = new ScoringContext(this.chain, job.budget);
  }

  /**
   * Compiles, loads and times what runs of the model need, where it is not there: plans that were
   * measured with streamed weights have dropped it. @throws EspalierError as `ScoringContext`
   */
  async prepare(): Promise<void> {
    const { windows, signal, onProgress } = this.job;
    this.context.use(windows, ALIVE);
    const plan = await this.context.prepare(signal, (progress) =>
      onProgress({ job: 'width', ...progress }),
    );
    this.groups = Array.from({ length: Math.ceil(windows.length / plan.group) }, (_, k) => {
      const first = k * plan.group;
      return { first, windows: windows.slice(first, first + plan.group) };
    });
  }

  /** All windows run together, so that their states go on from block to block. */
  get together(): boolean {
    return this.groups.length === 1;
  }

  pass({ windows }: WindowGroup): Pass {
    return this.context.passOver(windows, this.job.signal, this.gate);
  }

  visit(stage: Stage, next: Stage | null): Promise<void> {
    return this.context.visit(stage, next, this.job.signal);
  }

  step(): void {
    this.job.onStep();
  }

  /** Runs `work` with programs that read weights of a stage that is visited, or few more. */
  async with<T>(bounds: readonly BoundProgram[], work: () => Promise<T>): Promise<T> {
    const { chain, job } = this;
    throwIfCancelled(job.signal);
    // What the loader holds stays with it.
    const late = bounds.filter((bound) => !chain.programs.blocks.includes(bound));
    await chain.prepareLate(late, job.signal);
    try {
      return await work();
    } finally {
      chain.weights.release(late);
    }
  }

  /** NLL of the model, or of other programs that read its weights. */
  async measure(programs: ScorePrograms | null): Promise<Measure> {
    const { chain, context, job } = this;
    if (!programs) return this.measured(chain.programs);
    await chain.compileLate(programs.blocks, job.signal);
    const runs = { programs, together: false };
    return context.withHealed(runs, job.signal, () => this.measured(programs));
  }

  async dispose(): Promise<void> {
    await this.context.dispose();
  }

  private async measured(programs: ScorePrograms): Promise<Measure> {
    await this.prepare();
    const nll: number[] = [];
    for (const [k, group] of this.groups.entries()) {
      const pass = this.pass(group).with(programs);
      const end = await runPlan(pass, [], null, {
        onVisit: (stage, next) => this.visit(stage, next),
        onBlock: (done) => done > 0 && this.step(),
      });
      try {
        await this.visit('head', this.groups[k + 1] ? 'embed' : null);
        nll.push(...(await pass.head(end)));
      } finally {
        end.release();
      }
    }
    return measureWindows(nll);
  }
}
