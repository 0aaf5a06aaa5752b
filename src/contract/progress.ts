// How far a long job is: one form for every job.

/** One progress shape everywhere. */
export interface Progress {
  job: string;
  phase: 'read' | 'compile' | 'warmup' | 'score' | 'decode' | 'write' | 'verify';
  done: number;
  total: number;
  unit: 'bytes' | 'blocks' | 'programs' | 'runs' | 'steps' | 'files' | 'segments';
  /** Estimated seconds to the end of the job, or null while unknown. */
  secondsLeft: number | null;
}
