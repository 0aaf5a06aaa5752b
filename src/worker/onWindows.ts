// What every job over windows begins with: the windows, the session on its device and budget, and
// the runner that stores the job's checkpoints.

import type { ResumableWork } from '../contract/interrupted.ts';
import type { Progress } from '../contract/progress.ts';
import type { ScoreSettings } from '../contract/score.ts';
import { throwIfCancelled } from '../errors.ts';
import type { Checkpoint, CheckpointStore } from '../runtime/checkpoint/checkpoint.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { SessionHolder } from './sessionHolder.ts';
import type { StudioModel } from './studioModel.ts';

/** What a job says before its own events. */
export type BeginEvent = { type: 'note'; text: string } | { type: 'progress'; progress: Progress };

export const progressTo = (onEvent: (event: BeginEvent) => void) => (progress: Progress) =>
  onEvent({ type: 'progress', progress });

type WindowsWork = Extract<ResumableWork, { settings: unknown }>;

/** What jobs of the studio share. */
export interface JobContext {
  sessions: SessionHolder;
  checkpoints: Checkpoints;
}

export type Begun = Awaited<ReturnType<typeof beginOnWindows>>;

export async function beginOnWindows(
  { sessions, checkpoints }: JobContext,
  model: StudioModel,
  settings: ScoreSettings,
  signal: AbortSignal,
  onEvent: (event: BeginEvent) => void,
) {
  const onNote = (text: string) => onEvent({ type: 'note', text });
  const withCheckpoints = checkpoints.begin(() => model.identity());
  const calibration = await model.calibration(settings, signal);
  throwIfCancelled(signal);
  const follow = { signal, onProgress: progressTo(onEvent) };
  const opening = sessions.open(model.opened, settings.device, follow);
  const { session, engine, selfTest, choice, notes } = await opening;
  for (const text of [...notes, ...calibration.notes, ...calibration.warnings]) onNote(text);
  sessions.budgetBytes = settings.budgetBytes;
  await session.setBudget(settings.budgetBytes);
  const device = { kind: engine.kind, name: engine.name };
  const { windows } = calibration;
  const resumable = <T>(
    job: WindowsWork['job'],
    search: WindowsWork['search'],
    work: (store: CheckpointStore, resumed: Checkpoint | null) => Promise<T>,
  ): Promise<T> => withCheckpoints({ job, settings, search, device, windows }, onNote, work);
  return { calibration, session, device, choice, selfTest, resumable };
}

/** What a job finds on the windows of its settings, with what it was measured on. */
export async function measuredOnWindows<T extends object>(
  context: JobContext,
  model: StudioModel,
  settings: ScoreSettings,
  signal: AbortSignal,
  onEvent: (event: BeginEvent) => void,
  work: (begun: Begun, windows: number[][]) => Promise<T>,
) {
  const started = performance.now();
  const begun = await beginOnWindows(context, model, settings, signal, onEvent);
  const { windows, settings: used } = begun.calibration;
  const found = await work(begun, windows);
  const seconds = (performance.now() - started) / 1000;
  return { ...found, windows, settings: used, device: begun.device, seconds };
}
