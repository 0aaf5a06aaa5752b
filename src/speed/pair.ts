// The two variants of a job: opened one after the other, each may fail alone, and both are always
// closed.

import { untilAborted } from '../async.ts';
import type { Progress } from '../contract/progress.ts';
import type { PlannedExport, Which } from '../contract/speed.ts';
import type { OpenVariant, VariantHandle, VariantInfo } from '../contract/variant.ts';
import {
  type ErrorCode,
  type ErrorReport,
  EspalierError,
  fromReport,
  isCancelled,
  throwIfCancelled,
  toReport,
} from '../errors.ts';

/**
 * Thrown when a variant runs out of memory while the other is open too: alone, each may fit.
 */
class Crowded extends Error {}

const PROMPT_ERRORS: ReadonlySet<ErrorCode> = new Set(['tokenizer', 'bad-input']);

export interface PairOptions {
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
  onLoaded?: (which: Which, info: VariantInfo) => void;
  onFailed?: (which: Which, error: ErrorReport) => void;
  /** Out of memory beside the other variant throws `Crowded` instead of counting as a failure. */
  canSplit?: boolean;
}

export class Pair {
  /** `pruned` only when the plan changes something. */
  readonly sides: readonly Which[];
  readonly errors: { [W in Which]?: ErrorReport } = {};
  readonly #plan: PlannedExport;
  readonly #open: OpenVariant;
  readonly #options: PairOptions;
  readonly #handles = new Map<Which, VariantHandle>();

  constructor(plan: PlannedExport, open: OpenVariant, options: PairOptions) {
    const { removed, steps = [] } = plan;
    this.sides = removed.length + steps.length > 0 ? ['original', 'pruned'] : ['original'];
    this.#plan = plan;
    this.#open = open;
    this.#options = options;
  }

  /** Sides that are open now, the original first. */
  get alive(): Which[] {
    return this.sides.filter((which) => this.#handles.has(which));
  }

  info(which: Which): VariantInfo | null {
    return this.#handles.get(which)?.info ?? null;
  }

  /**
   * Null when it failed; the error is in `errors` then. @throws EspalierError `cancelled`, Crowded
   */
  load(which: Which): Promise<VariantInfo | null> {
    const { signal, onProgress, onLoaded } = this.#options;
    return this.#guard(which, async () => {
      const { removed, steps }: PlannedExport = which === 'original' ? { removed: [] } : this.#plan;
      const opening = this.#open([...removed], signal, onProgress, steps);
      const handle = await untilAborted(opening, signal).catch((error: unknown) => {
        // A variant that arrives after the end is closed at once.
        opening.then((late) => late.close()).catch(() => {});
        throw error;
      });
      this.#handles.set(which, handle);
      onLoaded?.(which, handle.info);
      return handle.info;
    });
  }

  /**
   * Null when the side is not open, or when `work` failed: the side is closed then and the error is
   * in `errors`. @throws EspalierError `cancelled`, Crowded
   */
  async use<T>(which: Which, work: (handle: VariantHandle) => Promise<T>): Promise<T | null> {
    const handle = this.#handles.get(which);
    return handle
      ? this.#guard(which, () => untilAborted(work(handle), this.#options.signal))
      : null;
  }

  /**
   * As `use`, but what is wrong with the prompt itself (`tokenizer`, `bad-input`) is no failure of
   * this side: it is thrown, and the side stays open.
   */
  async ask<T>(which: Which, work: (handle: VariantHandle) => Promise<T>): Promise<T | null> {
    let refusal: EspalierError | null = null;
    const answer = await this.use(which, (handle) =>
      work(handle).catch((error: unknown) => {
        if (!(error instanceof EspalierError && PROMPT_ERRORS.has(error.code))) throw error;
        refusal = error;
        return null;
      }),
    );
    if (refusal) throw refusal;
    return answer;
  }

  /**
   * `atOnce` where both fit beside each other; `inTurns`, from closed sides, where they are known
   * not to (`together` false) or memory runs out. Every side is closed at the end, however it ends.
   */
  async run(
    together: boolean,
    atOnce: () => Promise<void>,
    inTurns: () => Promise<void>,
  ): Promise<void> {
    try {
      if (together || this.sides.length === 1) {
        try {
          await atOnce();
          return;
        } catch (error) {
          if (!(error instanceof Crowded)) throw error;
          await this.close();
        }
      }
      await inTurns();
    } finally {
      await this.close();
    }
  }

  /** Closes one side, or all that are open; never throws. */
  async close(which?: Which): Promise<void> {
    for (const [side, handle] of [...this.#handles]) {
      if (which !== undefined && side !== which) continue;
      this.#handles.delete(side);
      await handle.close().catch(() => {});
    }
  }

  /** @throws EspalierError of the original when every side has failed */
  throwIfAllFailed(): void {
    const error = this.errors.original ?? this.errors.pruned;
    if (error && this.sides.every((which) => this.errors[which])) throw fromReport(error);
  }

  async #guard<T>(which: Which, work: () => Promise<T>): Promise<T | null> {
    const { signal, onFailed, canSplit } = this.#options;
    throwIfCancelled(signal);
    try {
      return await work();
    } catch (error) {
      throwIfCancelled(signal);
      if (isCancelled(error)) throw error;
      const report = toReport(error);
      const other: Which = which === 'original' ? 'pruned' : 'original';
      if (canSplit && report.code === 'out-of-memory' && this.#handles.has(other))
        throw new Crowded(report.message);
      this.errors[which] = report;
      await this.close(which);
      onFailed?.(which, report);
      return null;
    }
  }
}
