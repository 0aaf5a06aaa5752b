// A training that is ready to run: sessions, weights, parameters, the teacher.

import { Chain } from '../pass/chain.ts';
import { StageLoader } from '../pass/stageLoader.ts';
import { Parameters } from './parameters.ts';
import type { Pause } from './pause.ts';
import { Teacher } from './teacher.ts';
import { TrainingRuns } from './trainingRuns.ts';
import type { TrainingJob, TrainingSetup } from './trainingSetup.ts';

export interface Training {
  parameters: Parameters;
  runs: TrainingRuns;
  teacher: Teacher | null;
  /** Frees everything: the engine's ledger is as before. */
  dispose(): Promise<void>;
}

/**
 * Compiles and loads. @throws EspalierError of the engine and the files, `cancelled`; nothing stays
 * then.
 */
export async function openTraining(
  { engine, folder, settings, signal }: TrainingJob & { signal?: AbortSignal | undefined },
  { shape, training, plan, memory, sequences, chunks }: TrainingSetup,
  { turn }: Pick<Pause, 'turn'>,
  onPrepare: (phase: 'compile' | 'read', done: number, total: number) => void,
): Promise<Training> {
  const chain = new Chain(plan, folder, engine);
  const loader = new StageLoader(chain, memory);
  const close: (() => Promise<void> | void)[] = [() => loader.dispose(), () => chain.dispose()];
  const dispose = async (): Promise<void> => {
    for (const one of close) await one();
  };
  try {
    await chain.compile({ signal, onProgram: (done, total) => onPrepare('compile', done, total) });
    let read = 0;
    const total = memory.bytes.weights;
    await loader.loadPinned({
      signal,
      onBytes: (bytes) => {
        read += bytes;
        onPrepare('read', Math.min(read, total), total);
      },
    });
    const parameters = await Parameters.open(training.parameters, settings.seed, engine, folder);
    close.unshift(() => parameters.free());
    const common = { sequences, signal, turn };
    const teacher =
      shape.taught === null
        ? null
        : new Teacher({
            ...common,
            original: shape.original,
            folder,
            engine,
            weights: chain.weights,
            room: memory.teacher.room,
            group: memory.group,
            chunks: chunks.teacher,
            prefetch: memory.prefetch,
            makeRoom: () => loader.leave(),
          });
    if (teacher) close.unshift(() => teacher.dispose());
    const runs = new TrainingRuns({
      ...common,
      chain,
      loader,
      training,
      parameters,
      teacher,
      plan: memory,
      chunks: chunks.plan,
      kl: settings.kl,
    });
    return { parameters, runs, teacher, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
