// What o and down of each block read on the windows: of the intact model, or block by block of the
// model whose earlier blocks are narrower already.

import {
  type FlapVariance,
  RunningColumns,
  type WindowSums,
  windowSums,
} from '../../analysis/width/columns.ts';
import type { ColumnWeights } from '../../analysis/width/scores.ts';
import { EspalierError } from '../../errors.ts';
import { columnSums, productOf, type TappedBlock, tappedBlock } from '../../grad/sums/width.ts';
import { withBlocks } from '../../model/programs/gated/gatedPrograms.ts';
import { type WidthSite, type WidthSites, widthSites } from '../../model/programs/gated/sites.ts';
import type { BoundProgram } from '../../model/programs/program.ts';
import type { Structure } from '../../model/structure/structure.ts';
import type { BlockWidth } from '../../model/width/types.ts';
import type { DeviceTensor, RunOutputs, Shape } from '../device/engine.ts';
import { toFloat32 } from '../device/host.ts';
import { HiddenStates } from '../pass/hidden.ts';
import type { Pass } from '../pass/pass.ts';
import type { Chunk } from '../weights/windows.ts';
import type { WidthRuns, WindowGroup } from './runs.ts';

const HALVES = ['attention', 'feedForward'] as const;
export type Half = (typeof HALVES)[number];

/** A half of a block that can be narrowed; null for one that cannot. */
export type ByHalf<T> = Record<Half, T | null>;

/** Columns of what o and down read, with sums over their matrices. */
export interface HalfStatistics {
  columns: RunningColumns;
  weights: ColumnWeights;
  /** The key-value group or channel that owns each column. */
  owners: Int32Array;
}

export type BlockStatistics = ByHalf<HalfStatistics>;

export class Calibration {
  private readonly runs: WidthRuns;
  private readonly sites: readonly WidthSites[];
  private readonly variance: FlapVariance;

  /** @throws EspalierError as `widthSites` */
  constructor(
    runs: WidthRuns,
    structure: Structure,
    widths: readonly BlockWidth[],
    variance: FlapVariance,
  ) {
    this.runs = runs;
    this.variance = variance;
    const { blocks } = runs.chain.programs;
    this.sites = widths.map((width, block) => widthSites(structure, blocks[block]!, width));
  }

  /** Of the intact model, by block: one run of each block on every window. */
  async intact(): Promise<BlockStatistics[]> {
    const { runs, sites } = this;
    const found = sites.map((_, block) => this.columnsOf(block));
    const weights: ByHalf<ColumnWeights>[] = [];
    for (const group of runs.groups) {
      const pass = runs.pass(group);
      await runs.visit('embed', 0);
      let states = await pass.embed();
      try {
        for (const block of sites.keys()) {
          await runs.visit(block, block + 1 < sites.length ? block + 1 : null);
          const after = await this.tap(pass, group, block, states, found[block]!, true);
          states.release();
          states = after!;
          // While its weights are there.
          weights[block] ??= await this.weightsOf(block);
        }
      } finally {
        states.release();
      }
    }
    return found.map((columns, block) => this.together(block, columns, weights[block]!));
  }

  /**
   * Block by block: each sees what the narrower ones before it give.
   * @param narrow the block's program without what its statistics say
   */
  async inTurn(
    narrow: (block: number, statistics: BlockStatistics) => BoundProgram,
  ): Promise<void> {
    const { runs, sites } = this;
    const narrower = [...runs.chain.programs.blocks];
    const states = new NarrowedStates(runs, narrower);
    try {
      for (const block of sites.keys()) {
        const columns = this.columnsOf(block);
        for (const group of runs.groups) {
          const before = await states.before(group, block);
          await runs.visit(block, null);
          await this.tap(runs.pass(group), group, block, before, columns, false);
        }
        const weights = await this.weightsOf(block);
        narrower[block] = narrow(block, this.together(block, columns, weights));
      }
    } finally {
      states.release();
    }
  }

  /** W x of o or down of a block, float32. */
  async product(block: number, half: Half, x: Float32Array): Promise<Float32Array> {
    const { runs, sites } = this;
    const site = sites[block]![half];
    if (!site) throw new EspalierError('bug', `Block ${block} has no ${half} that is narrowed.`);
    const { bound, vector, output } = productOf(runs.chain.programs.blocks[block]!, site);
    await runs.visit(block, null);
    const feed = { type: 'float32', dims: [1, x.length], data: x } as const;
    const { host } = await runs.with([bound], () =>
      runs.chain.run(bound, NO_TOKENS, { parameters: new Map([[vector, feed]]) }, new Map()),
    );
    return valuesOf(host, output).slice();
  }

  private columnsOf(block: number): ByHalf<RunningColumns> {
    const of = (site: WidthSite | null) => site && new RunningColumns(site.inputs, this.variance);
    const { attention, feedForward } = this.sites[block]!;
    return { attention: of(attention), feedForward: of(feedForward) };
  }

  /** Sums over the matrices of a block that is visited. */
  private async weightsOf(block: number): Promise<ByHalf<ColumnWeights>> {
    const { runs, sites } = this;
    const found: ByHalf<ColumnWeights> = { attention: null, feedForward: null };
    for (const half of HALVES) {
      const site = sites[block]![half];
      if (!site) continue;
      const { bound, absolute, squares } = columnSums(runs.chain.programs.blocks[block]!, site);
      const { host } = await runs.with([bound], () =>
        runs.chain.run(bound, NO_TOKENS, {}, new Map()),
      );
      found[half] = {
        outputs: site.outputs,
        absolute: valuesOf(host, absolute).slice(),
        squares: valuesOf(host, squares).slice(),
      };
    }
    return found;
  }

  private together(
    block: number,
    columns: ByHalf<RunningColumns>,
    weights: ByHalf<ColumnWeights>,
  ): BlockStatistics {
    const found: BlockStatistics = { attention: null, feedForward: null };
    for (const half of HALVES) {
      const [site, own, matrix] = [this.sites[block]![half], columns[half], weights[half]];
      if (site && own && matrix)
        found[half] = { columns: own, weights: matrix, owners: site.owners };
    }
    return found;
  }

  /** One block on a group of windows, whose statistics are added in their order. */
  private async tap(
    pass: Pass,
    { windows }: WindowGroup,
    block: number,
    before: HiddenStates,
    columns: ByHalf<RunningColumns>,
    residual: boolean,
  ): Promise<HiddenStates | null> {
    const { runs, sites } = this;
    const { chain } = runs;
    const tapped = tappedBlock(chain.programs.blocks[block]!, sites[block]!, residual);
    const sums: ByHalf<WindowSums[]> = { attention: [], feedForward: [] };
    const after: DeviceTensor[] = [];
    const { outputs } = tapped.bound.program;
    try {
      if (outputs.length > 0)
        await runs.with([tapped.bound], async () => {
          for (const [at, chunk] of pass.chunks.entries()) {
            await pass.turn();
            const keep = residual ? this.streamOf(tapped, chunk) : new Map<string, Shape>();
            const state = before.tensors[at]!;
            const found = await chain.run(tapped.bound, chunk, { residual: state }, keep);
            after.push(...found.device.values());
            this.read(tapped, chunk, found, sums);
          }
        });
      for (const half of HALVES)
        for (const index of windows.keys())
          if (sums[half]![index]) columns[half]?.add(sums[half]![index]);
      runs.step();
      return residual ? new HiddenStates(after) : null;
    } catch (error) {
      for (const tensor of after) tensor.free();
      throw error;
    }
  }

  private streamOf({ bound }: TappedBlock, { rows, length }: Chunk): Map<string, Shape> {
    const { stateSize } = this.runs.chain.programs;
    const stream = bound.program.outputs.filter(({ target }) => target.kind === 'residual');
    return new Map(
      stream.map(({ name, type }) => [name, { type, dims: [rows, length, stateSize] }]),
    );
  }

  private read(
    tapped: TappedBlock,
    { rows, windows }: Chunk,
    { host }: RunOutputs,
    sums: ByHalf<WindowSums[]>,
  ): void {
    for (const half of HALVES) {
      const name = tapped[half];
      if (name === null) continue;
      const values = valuesOf(host, name);
      const size = values.length / rows;
      const columns = host.get(name)!.dims.at(-1)!;
      for (const [row, window] of windows.entries())
        sums[half]![window] = windowSums(values.subarray(row * size, (row + 1) * size), columns);
    }
  }
}

/** For programs that read weights alone. */
const NO_TOKENS: Chunk = { windows: [0], rows: 1, length: 1, ids: [0] };

function valuesOf(host: RunOutputs['host'], name: string): Float32Array {
  const tensor = host.get(name);
  if (!tensor) throw new EspalierError('bug', `A run gave no "${name}".`);
  return toFloat32(tensor);
}

/** The states of one group of windows, after blocks that are narrower. */
class NarrowedStates {
  private readonly runs: WidthRuns;
  /** Those that are not narrower yet are the model's. */
  private readonly blocks: readonly BoundProgram[];
  private held: { group: WindowGroup; block: number; states: HiddenStates } | null = null;

  constructor(runs: WidthRuns, blocks: readonly BoundProgram[]) {
    this.runs = runs;
    this.blocks = blocks;
  }

  /** They stay with this object. Where windows have no room together, they run from the start. */
  async before(group: WindowGroup, block: number): Promise<HiddenStates> {
    const pass = this.runs.pass(group);
    if (this.held?.group !== group || this.held.block > block) {
      this.release();
      await this.runs.visit('embed', 0);
      this.held = { group, block: 0, states: await pass.embed() };
    }
    const { held } = this;
    while (held.block < block) {
      const after = await this.run(pass, held.block, held.states);
      held.states.release();
      held.states = after;
      held.block += 1;
    }
    return held.states;
  }

  release(): void {
    this.held?.states.release();
    this.held = null;
  }

  private async run(pass: Pass, block: number, before: HiddenStates): Promise<HiddenStates> {
    const { runs, blocks } = this;
    await runs.visit(block, block + 1);
    const programs = withBlocks(pass.programs, blocks);
    const after = await runs.with([blocks[block]!], () => pass.with(programs).block(block, before));
    runs.step();
    return after;
  }
}
