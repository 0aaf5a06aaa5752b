// A model on its engine, ready to run batches of sequences on some of its variants.

import { EspalierError } from '../../errors.ts';
import { packedPrograms, withPickingHead } from '../../model/programs/packed/packedPrograms.ts';
import type { ScorePrograms } from '../../model/programs/program.ts';
import type { Unit } from '../../units.ts';
import { Chain } from '../pass/chain.ts';
import type { Gate } from '../pass/gate.ts';
import { Pass } from '../pass/pass.ts';
import { StageLoader } from '../pass/stageLoader.ts';
import type { SessionModel } from '../score/sessionOptions.ts';
import { type MemoryPlan, planMemory } from '../weights/memory.ts';
import type { Stage } from '../weights/stages.ts';
import type { Batch } from './batch.ts';
import { BatchRuns, type RunForm } from './batchRuns.ts';
import type { RunSize } from './queue.ts';
import { type RunItem, type RunVariant, runItems } from './runItems.ts';

/** A variant of one model: its programs as they were cut, and what is left of each block. */
export interface ChainVariant {
  programs: ScorePrograms;
  remainders: readonly (Unit | null)[];
}

/** What decides how large runs are. */
interface RunShape {
  /** Tokens of the longest sequence, and of all together. */
  longest: number;
  tokens: number;
}

export interface ChainHooks {
  signal: AbortSignal | undefined;
  gate: Gate | undefined;
  onPhase(phase: 'read' | 'compile', done: number, total: number): void;
}

const made = new WeakMap<ScorePrograms, Map<RunForm, ScorePrograms | null>>();

/** The programs of a model for a form, made once; null where it has none. */
export function programsFor(programs: ScorePrograms, form: RunForm): ScorePrograms | null {
  const known = made.get(programs) ?? new Map<RunForm, ScorePrograms | null>();
  made.set(programs, known);
  const found = known.get(form);
  if (found !== undefined) return found;
  const own = makePrograms(programs, form);
  known.set(form, own);
  return own;
}

function makePrograms(programs: ScorePrograms, form: RunForm): ScorePrograms | null {
  if (form === 'packed') return packedPrograms(programs);
  return form === 'rows' ? withPickingHead(programs) : programs;
}

/** States beside one for each variant: the output of a block, and those of the check. */
const RUNNING = 2;
/** Logits of one run: itself, shifted, and exponentials, float32. */
const LOGIT_BYTES = 12;
/** Packed, rows of tokens hold queries, keys, values and scores; positions hold those and more. */
const TOKENS_PER_POSITION = 2;
/** Side values are kept for so many shapes of runs. */
const SHAPES = 8;

export class ChainRun {
  readonly memory: MemoryPlan;
  private readonly chain: Chain;
  private readonly loader: StageLoader;
  private readonly pass: Pass;
  private readonly hooks: ChainHooks;
  private readonly variants: readonly ChainVariant[];
  private readonly shape: RunShape;
  private readonly packed: boolean;
  private readonly shapes = new Set<string>();
  private readonly runs: ReadonlyMap<RunForm, BatchRuns>;

  /**
   * @param forms of runs that this will be asked for, the one of most runs first; every variant has
   *   programs for each
   * @param variants of one model, weights apart; the first with those of the model
   * @throws EspalierError `too-large` for the budget, and as `planMemory`
   */
  constructor(
    { folder, engine, budget }: SessionModel,
    forms: readonly RunForm[],
    variants: readonly ChainVariant[],
    shape: RunShape,
    hooks: ChainHooks,
    streamed = false,
  ) {
    this.variants = variants;
    this.shape = shape;
    this.packed = forms[0] === 'packed';
    this.hooks = hooks;
    const [first] = variants;
    const models = [...new Set(variants.map(({ programs }) => programs))];
    const original = programsOf(first!.programs, forms[0]!);
    const windows = Math.max(1, Math.ceil(shape.tokens / shape.longest));
    const other = models[1];
    this.memory = planMemory(
      original,
      { windows, length: Math.max(2, shape.longest), alive: variants.length + RUNNING },
      engine,
      budget,
      streamed,
      other ? { programs: programsOf(other, forms[0]!), together: true } : null,
    );
    if (this.memory.obstacle) throw this.memory.obstacle;
    this.chain = new Chain(original, folder, engine);
    this.chain.headTokens = this.memory.rows.headTokens;
    const { logitsBytes } = this.memory.rows;
    const predicted = Math.floor(logitsBytes / (LOGIT_BYTES * original.vocabSize));
    this.runs = new Map(
      forms.map((form) => [form, new BatchRuns(this.chain, form, Math.max(1, predicted))]),
    );
    const loaded = forms.flatMap((form) => models.map((programs) => programsOf(programs, form)));
    this.loader = new StageLoader(this.chain, this.memory, loaded);
    this.pass = new Pass(this.chain, [], hooks.signal, hooks.gate);
  }

  /** Time at the gate so far, ms. */
  get heldMs(): number {
    return this.pass.heldMs;
  }

  /** The largest runs for which there is memory. */
  get runSize(): RunSize {
    const { rows } = this.memory;
    const positions = rows.block * Math.max(2, this.shape.longest);
    const { rowsInteract } = this.chain.programs;
    return {
      positions,
      tokens: positions * (this.packed ? TOKENS_PER_POSITION : 1),
      rows: rowsInteract ? 1 : Number.POSITIVE_INFINITY,
    };
  }

  /** Positions of all batches that go through the model together where weights are streamed. */
  get groupPositions(): number {
    return this.memory.group * Math.max(2, this.shape.longest);
  }

  /**
   * Whether a trial has room: its rows together, and each alone beside them.
   * @param tokens of all rows
   */
  fitsTrial(rows: number, longest: number, tokens: number): boolean {
    const { shape, memory } = this;
    const most = this.runSize;
    // A job that is small as a whole has room for all of it.
    const isWhole = memory.group * shape.longest >= shape.tokens;
    return (
      rows <= most.rows &&
      rows * longest <= most.positions * TOKENS_PER_POSITION &&
      (isWhole || 2 * tokens <= this.groupPositions)
    );
  }

  /** Compiles, and loads what stays. @throws EspalierError of the engine and the weight store */
  async prepare(): Promise<void> {
    const { signal, onPhase } = this.hooks;
    const onProgram = (done: number, total: number): void => onPhase('compile', done, total);
    await this.chain.compile({ signal, onProgram });
    const { weights } = this.memory.bytes;
    let read = 0;
    const onBytes = (bytes: number): void => {
      read = Math.min(weights, read + bytes);
      onPhase('read', read, weights);
    };
    await this.loader.loadPinned({ signal, onBytes });
    const others = this.loaded().filter((programs) => programs !== this.chain.programs);
    for (const programs of others) {
      await this.chain.compileLate([programs.embed, ...programs.blocks, programs.head], signal);
      if (this.memory.resident) await this.loader.add(programs, { signal });
    }
  }

  /** @param variants those that run, by their index: all by default */
  item(batch: Batch, form: RunForm, variants = this.variants): RunItem {
    const runs = this.runs.get(form)!;
    const own = variants.map(
      ({ programs, remainders }): RunVariant => ({
        programs: programsOf(programs, form),
        remainders,
      }),
    );
    return { batch, runs, variants: own };
  }

  /**
   * As `runItems`, with an end to this: another run follows, or none.
   * @param more more items follow
   */
  async run(
    items: readonly RunItem[],
    more: boolean,
    onShare: (share: number) => void,
  ): Promise<Float32Array[][]> {
    await this.dropSides(items);
    const { signal } = this.hooks;
    return runItems(items, more ? 'embed' : null, {
      visit: (stage: Stage, next: Stage | null) => this.loader.visit(stage, next, { signal }),
      prepare: (sublayer) => {
        this.chain.ranSublayers = true;
        return this.chain.prepareLate([sublayer], signal);
      },
      turn: () => this.pass.turn(),
      onShare,
    });
  }

  async dispose(): Promise<void> {
    await this.loader.dispose();
    await this.chain.dispose();
  }

  private loaded(): ScorePrograms[] {
    const models = new Set(this.variants.map(({ programs }) => programs));
    return [...this.runs.keys()].flatMap((form) =>
      [...models].map((programs) => programsOf(programs, form)),
    );
  }

  private async dropSides(items: readonly RunItem[]): Promise<void> {
    for (const { batch } of items) this.shapes.add(`${batch.chunk.rows}x${batch.chunk.length}`);
    if (this.shapes.size <= SHAPES) return;
    await this.chain.freeSides();
    this.shapes.clear();
  }
}

function programsOf(programs: ScorePrograms, form: RunForm): ScorePrograms {
  const own = programsFor(programs, form);
  if (!own) throw new EspalierError('bug', `A model has no programs for ${form}.`);
  return own;
}
