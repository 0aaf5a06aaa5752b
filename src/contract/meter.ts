// The meter as the page sees it: measures and generates with two variants.

import type { GenerateEvent, GenerateRequest, GenerateResult } from './generate.ts';
import type {
  CompareEvent,
  CompareRequest,
  MeasureRequest,
  MeasureResult,
  MeterEvent,
  SpeedComparison,
  SweepResult,
} from './speed.ts';

/** Measuring and generating, from the page. One job at a time: a new one cancels the one before. */
export interface MeterApi {
  /** @throws EspalierError `cancelled`; when both variants fail, the error of the original. */
  measure(request: MeasureRequest, onEvent: (event: MeterEvent) => void): Promise<MeasureResult>;
  /** Batch sizes in order, each variant until it no longer fits. Errors as `measure`. */
  sweep(
    request: MeasureRequest,
    batches: number[],
    onEvent: (event: MeterEvent) => void,
  ): Promise<SweepResult>;
  /**
   * Several variants over batch sizes, each until it no longer fits. When all fail, the error of
   * the first.
   */
  compare(
    request: CompareRequest,
    onEvent: (event: CompareEvent) => void,
  ): Promise<SpeedComparison>;
  /**
   * Both variants take turns of a few dozen ms, so that both stream and neither slows the other.
   * Errors as `measure`.
   */
  generate(
    request: GenerateRequest,
    onEvent: (event: GenerateEvent) => void,
  ): Promise<GenerateResult>;
  /** Ends the running job at once; its workers are terminated. */
  cancel(): void;
}
