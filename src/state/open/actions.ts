// Opening models: by drop, by picker, the sample, another graph of the same folder. Must not lose
// the open model when a new one fails.

import type { FolderSource } from '../../contract/open.ts';
import type { Progress } from '../../contract/progress.ts';
import { EspalierError } from '../../errors.ts';
import type { PickedFolder } from '../../files/pickedFolder.ts';
import { openingStopped, resultsKept } from '../../words/dialogs/kept.ts';
import type { Context } from '../context.ts';
import type { DeviceActions } from '../device/actions.ts';
import { engineJob } from '../jobs.ts';
import { leavesKept, lossByOpening } from '../kept/selectors.ts';
import { makeNewest } from '../newest.ts';
import type { ScoreActions } from '../score/actions.ts';
import { JOBS, type StudioState } from '../state.ts';
import { makeAccept } from './accept.ts';
import { modelsOf } from './models.ts';
import { type OpenOptions, readFolder } from './read.ts';
import type { OpenModel } from './state.ts';

export interface ModelActions {
  openSample(): Promise<boolean>;
  /** Lets the user pick a folder and opens it. */
  openFolder(): Promise<void>;
  /** Of several graphs the preferred one, where the folder still has it. */
  openPicked(folder: PickedFolder, preferred: string): Promise<boolean>;
  /** The open model read once more keeps its plan, its curve and what was measured. */
  openSource(source: FolderSource, graph?: string): Promise<boolean>;
  /**
   * Reads the files of the open model again, after they were changed, moved or locked; asks for the
   * folder where it must. Must start in a click.
   */
  readAgain(): Promise<void>;
  chooseGraph(path: string): Promise<boolean>;
  /** Of several models in the folder that waits for a choice; null goes back to them. */
  chooseModel(path: string | null): Promise<void>;
  /** Whether the folder that would lose something is opened all the same. */
  answerOpening(yes: boolean): void;
  closeChooser(): void;
}

/** The job that opening took the engine from, in words; null when none was lost. */
function stoppedBy(before: StudioState, { model, score }: StudioState): string | null {
  const job = engineJob(before);
  if (!job) return null;
  const hasOtherModel = model.current !== before.model.current;
  const lostCurve = job === 'score' && !score.running && score.curve === before.score.curve;
  if (!hasOtherModel && !lostCurve) return null;
  return `${JOBS[job].name} of ${before.model.current?.summary.name ?? 'the model'}`;
}

export function makeModelActions(
  context: Context,
  others: Pick<DeviceActions, 'checkDevice'> & Pick<ScoreActions, 'refreshMemory'>,
): ModelActions {
  const { api, get, patch } = context;
  const { recogniser } = context;
  const accept = makeAccept(context);
  // Opening changes the model by itself: only a newer opening outdates one.
  const openings = makeNewest(() => null);

  function knownGraphs(source: FolderSource): OpenModel['graphs'] {
    const { chooser, current } = get().model;
    if (chooser?.source === source) return chooser.graphs;
    return current?.source === source ? current.graphs : [];
  }

  /** Answers the question of the dialog; a newer question answers an older one with no. */
  let answer: (yes: boolean) => void = () => {};

  function ask(name: string, loss: string): Promise<boolean> {
    answer(false);
    const answered = new Promise<boolean>((resolve) => {
      answer = resolve;
    });
    patch('model', { asking: { name, loss } });
    return answered;
  }

  async function openSource(source: FolderSource, options: OpenOptions = {}): Promise<boolean> {
    const loss = lossByOpening(get());
    // A graph of a folder that was agreed to is not asked about again.
    const isAgreed = loss === null || get().model.chooser?.source === source;
    if (!isAgreed && !(await ask(source.name, loss))) return false;
    const isNewest = openings.begin();
    const before = get();
    const { chooser, current } = before.model;
    context.clear('open');
    context.clear('restore');
    const known = knownGraphs(source);
    const onProgress = (progress: Progress) => patch('model', { progress });
    patch('model', { opening: source.name, progress: null, chooser: null });
    try {
      const { result, graphs } = await readFolder(
        api,
        source,
        options,
        known,
        isNewest,
        onProgress,
      );
      if (!isNewest()) return false;
      if (result.kind === 'choose') {
        const { name, graphs } = result;
        const models = modelsOf(name, graphs);
        const model = models.length === 1 ? (models[0]?.path ?? null) : null;
        patch('model', { chooser: { source, name, graphs, model } });
        context.announce(
          models.length > 1
            ? `${name} holds ${models.length} models. Choose one.`
            : `${name} has ${graphs.length} graphs. Choose one.`,
        );
        return false;
      }
      const isSameModel = current !== null && (await recogniser.isStill(current));
      if (!isNewest()) return false;
      const isSameFolder = options.again === true || current?.source === source;
      accept({ source, result, graphs, isSameFolder, isSameModel });
      void others.refreshMemory();
      void others.checkDevice();
      return true;
    } catch (error) {
      if (isNewest()) {
        context.fail('open', error);
        patch('model', { chooser: chooser?.source === source ? chooser : null });
      }
      return false;
    } finally {
      if (isNewest()) patch('model', { opening: null, progress: null });
      const stopped = stoppedBy(before, get());
      const words = [
        stopped ? openingStopped(source.name, stopped) : '',
        leavesKept(before, get()) ? resultsKept(before.model.current?.summary.name ?? '') : '',
      ].filter(Boolean);
      if (words.length > 0) context.toast(words.join(' '));
    }
  }

  return {
    openSource: (source, graph) => openSource(source, { graph }),
    openPicked: (folder, preferred) => openSource({ kind: 'files', ...folder }, { preferred }),
    openSample() {
      const { source, graph } = context.sample;
      return openSource(source, { preferred: graph });
    },
    async openFolder() {
      try {
        const picked = await context.disk.pickFolder();
        if (picked) await openSource({ kind: 'files', ...picked });
      } catch (error) {
        context.fail('open', error);
      }
    },
    async readAgain() {
      const { current } = get().model;
      if (current?.source.kind !== 'files') return;
      try {
        const fresh =
          (await context.disk.readAgain(current.source)) ?? (await context.disk.pickFolder());
        if (!fresh) return;
        const source: FolderSource = { kind: 'files', ...fresh };
        await openSource(source, { preferred: current.summary.graph, again: true });
      } catch (error) {
        context.fail('open', error);
      }
    },
    async chooseGraph(path) {
      const source = get().model.chooser?.source ?? get().model.current?.source;
      if (!source) throw new EspalierError('bug', `There is no folder to choose ${path} from.`);
      return openSource(source, { graph: path });
    },
    async chooseModel(path) {
      const { chooser } = get().model;
      if (!chooser) return;
      const [only, ...more] = chooser.graphs.filter(({ model }) => model === path);
      if (only && more.length === 0) await openSource(chooser.source, { graph: only.path });
      else patch('model', { chooser: { ...chooser, model: path } });
    },
    closeChooser: () => patch('model', { chooser: null }),
    answerOpening(yes) {
      patch('model', { asking: null });
      answer(yes);
    },
  };
}
