// What a part of the GPU benchmark is, and what it reports: figures with units, and the checks
// without which no figure counts.

import type { SelfTest } from '../../src/contract/device.ts';
import type { Check } from '../bench/limits.ts';

type Unit = 's' | 'ms' | 'TFLOP/s' | 'GB/s' | 'tokens/s' | 'blocks' | 'bytes' | 'x';

export interface Figure {
  value: number;
  unit: Unit;
}

export type Figures = Record<string, Figure>;

/** What is known when a part begins. */
export interface PartContext {
  /** The folder that holds `public/sample`. */
  root: string;
  /** Fewer runs. */
  quick: boolean;
  /** Seconds until the part is ended. */
  limitSeconds: number;
  /** Of the GPU; null in the part that runs it. */
  selfTest: SelfTest | null;
  /** The adapter computes on the CPU: as little work as tells right from wrong. */
  software: boolean;
  /**
   * Hands on what is known so far: it is kept when the part fails later or runs out of time.
   */
  say(found: Found): void;
}

/** Any of what a part finds out; later figures and checks join earlier ones. */
export interface Found {
  figures?: Figures;
  checks?: Check[];
  /** Sentences: what was counted, what ran where. */
  notes?: string[];
  /** Names of devices by kind, settings: for readers of the JSON. */
  details?: Record<string, unknown>;
}

export interface Part {
  name: string;
  /** As the table shows it. */
  title: string;
  /** Seconds after which it is ended. */
  limit: { full: number; quick: number };
  /** It uses the GPU, and is not run on one that the self-test has not passed. */
  needsGpu: boolean;
  /** Runs in a process of its own. @throws what fails; what it has said before is kept */
  run(context: PartContext): Promise<void>;
}

/** `wrong` = a number is not what it must be: the figures are withheld. */
type PartStatus = 'ok' | 'wrong' | 'failed' | 'timed out' | 'not run';

export interface PartRow {
  name: string;
  title: string;
  status: PartStatus;
  /** Why it is not ok, as a sentence; null when it is. */
  reason: string | null;
  seconds: number;
  limitSeconds: number;
  /** Empty where a check failed. */
  figures: Figures;
  /** What would be the figures of a part that is wrong. */
  withheld?: Figures;
  checks: Check[];
  notes: string[];
  details: Record<string, unknown>;
}
