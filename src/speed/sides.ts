// The variants of a job: opened one after the other, each may fail alone, and all are always
// closed.

import { untilAborted } from '../async.ts';
import type { Progress } from '../contract/progress.ts';
import type { PlannedExport } from '../contract/speed.ts';
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
 * Thrown when a variant runs out of memory while another is open too: alone, each may fit.
 */
export class Crowded extends Error {}

const PROMPT_ERRORS: ReadonlySet<ErrorCode> = new Set(['tokenizer', 'bad-input']);

export interface SidesOptions<S extends string> {
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
  onLoaded?: (which: S, info: VariantInfo) => void;
  onFailed?: (which: S, error: ErrorReport) => void;
  /** Out of memory beside another variant throws `Crowded` instead of counting as a failure. */
  canSplit?: boolean;
}

/** Variants by name, in the order in which they are loaded and reported. */
export class Sides<S extends string> {
  readonly sides: readonly S[];
  readonly errors: { [W in S]?: ErrorReport } = {};
  readonly #plans: ReadonlyMap<S, PlannedExport>;
  readonly #open: OpenVariant;
  readonly #options: SidesOptions<S>;
  readonly #handles = new Map<S, VariantHandle>();

  constructor(plans: ReadonlyMap<S, PlannedExport>, open: OpenVariant, options: SidesOptions<S>) {
    this.sides = [...plans.keys()];
    this.#plans = plans;
    this.#open = open;
    this.#options = options;
  }

  /** Sides that are open now, in their order. */
  get alive(): S[] {
    return this.sides.filter((which) => this.#handles.has(which));
  }

  info(which: S): VariantInfo | null {
    return this.#handles.get(which)?.info ?? null;
  }

  /**
   * Null when it failed; the error is in `errors` then. @throws EspalierError `cancelled`, Crowded
   */
  load(which: S): Promise<VariantInfo | null> {
    const { signal, onProgress, onLoaded } = this.#options;
    return this.#guard(which, async () => {
      const { removed, steps } = this.#plans.get(which)!;
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
  async use<T>(which: S, work: (handle: VariantHandle) => Promise<T>): Promise<T | null> {
    const handle = this.#handles.get(which);
    return handle
      ? this.#guard(which, () => untilAborted(work(handle), this.#options.signal))
      : null;
  }

  /**
   * As `use`, but what is wrong with the prompt itself (`tokenizer`, `bad-input`) is no failure of
   * this side: it is thrown, and the side stays open.
   */
  async ask<T>(which: S, work: (handle: VariantHandle) => Promise<T>): Promise<T | null> {
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

  /** Closes one side, or all that are open; never throws. */
  async close(which?: S): Promise<void> {
    for (const [side, handle] of [...this.#handles]) {
      if (which !== undefined && side !== which) continue;
      this.#handles.delete(side);
      await handle.close().catch(() => {});
    }
  }

  /** @throws EspalierError of the first side when every one has failed */
  throwIfAllFailed(): void {
    const errors = this.sides.map((which) => this.errors[which]);
    if (errors[0] && errors.every(Boolean)) throw fromReport(errors[0]);
  }

  async #guard<T>(which: S, work: () => Promise<T>): Promise<T | null> {
    const { signal, onFailed, canSplit } = this.#options;
    throwIfCancelled(signal);
    try {
      return await work();
    } catch (error) {
      throwIfCancelled(signal);
      if (isCancelled(error)) throw error;
      const report = toReport(error);
      const isCrowded = this.alive.some((other) => other !== which);
      if (canSplit && report.code === 'out-of-memory' && isCrowded)
        throw new Crowded(report.message);
      this.errors[which] = report;
      await this.close(which);
      onFailed?.(which, report);
      return null;
    }
  }
}
