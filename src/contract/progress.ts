// How far a long job is: one form for every job.

/**
 * What an export does now. `source` reads and hashes the original, `expect` runs the plan on one
 * window, `write` writes; the others check what was written: `reopen` opens it, `graph` and `bytes`
 * compare it with the plan and with the original, `load` loads it into ONNX Runtime, `likelihood`,
 * `decode` and `parts` (block by block) run it.
 */
export type ExportStep =
  | 'source'
  | 'expect'
  | 'write'
  | 'reopen'
  | 'graph'
  | 'bytes'
  | 'load'
  | 'likelihood'
  | 'decode'
  | 'parts';

/** One progress shape everywhere. */
export interface Progress {
  job: string;
  /** Of an export: more exact than the phase. */
  step?: ExportStep;
  phase: 'device' | 'read' | 'compile' | 'warmup' | 'score' | 'decode' | 'write' | 'verify';
  done: number;
  total: number;
  unit: 'bytes' | 'blocks' | 'programs' | 'runs' | 'steps' | 'files' | 'segments' | 'rows';
  /** Estimated seconds to the end of the job, or null while unknown. */
  secondsLeft: number | null;
}
