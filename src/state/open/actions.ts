// Opening models: by drop, by picker, the sample, another graph of the same folder. Must not lose
// the open model when a new one fails.

import type { FolderSource, OpenResult } from '../../contract/open.ts';
import type { Progress } from '../../contract/progress.ts';
import { EspalierError } from '../../errors.ts';
import type { Address } from '../context.ts';
import { type Context, withoutModel, withSameModel } from '../context.ts';
import { readRestored } from '../export/provenance.ts';
import { engineJob, JOB_NAMES } from '../jobs.ts';
import { planFromHash, planToHash } from '../plan/address.ts';
import { EMPTY_PLAN, startHistory, withUnits } from '../plan/plan.ts';
import { makeRecogniser } from '../sameModel.ts';
import { removableUnits } from '../selectors.ts';
import type { OpenModel, StudioState } from '../state.ts';

export interface ModelActions {
  openSample(): Promise<boolean>;
  /** Lets the user pick a folder and opens it. */
  openFolder(): Promise<void>;
  /** The open model read once more keeps its plan, its curve and what was measured. */
  openSource(source: FolderSource, graph?: string): Promise<boolean>;
  /**
   * Reads the files of the open model again, after they were changed, moved or locked; asks for the
   * folder where it must. Must start in a click.
   */
  readAgain(): Promise<void>;
  chooseGraph(path: string): Promise<boolean>;
  closeChooser(): void;
  checkDevice(): Promise<void>;
}

export function makeModelActions(
  context: Context,
  address: Address,
  opened: () => void,
): ModelActions {
  const { api, get, patch, store } = context;
  const recogniser = makeRecogniser(api);
  let turn = 0;
  let deviceTurn = 0;
  // Renamed: a name that starts with `use` reads as a React hook.
  const { useWindows: givenWindows } = api;

  /**
   * `preferred` is opened without a question when the folder has several graphs. `again`: it stands
   * for the folder that is open.
   */
  async function openSource(
    source: FolderSource,
    graph?: string,
    preferred?: string,
    again = false,
  ): Promise<boolean> {
    const mine = ++turn;
    const { chooser, current } = get().model;
    const job = engineJob(get());
    const { curve } = get().score;
    const asked = chooser?.source === source ? chooser : null;
    let graphs = knownGraphs(source);
    context.clear('open');
    context.clear('restore');
    patch('model', { opening: source.name, progress: null, chooser: null });
    const follow = (progress: Progress) => {
      if (mine === turn) patch('model', { progress });
    };
    try {
      let result = await api.open(graph === undefined ? { source } : { source, graph }, follow);
      if (
        mine === turn &&
        result.kind === 'choose' &&
        result.graphs.some((choice) => choice.path === preferred)
      ) {
        graphs = result.graphs;
        result = await api.open({ source, graph: preferred! }, follow);
      }
      if (mine !== turn) return false;
      if (result.kind === 'choose') {
        patch('model', { chooser: { source, name: result.name, graphs: result.graphs } });
        context.announce(`${result.name} has ${result.graphs.length} graphs. Choose one.`);
        return false;
      }
      const same = current && (await recogniser.isStill(current));
      if (mine !== turn) return false;
      accept(source, result, graphs, again || current?.source === source, same ?? false);
      return true;
    } catch (error) {
      if (mine === turn) {
        context.fail('open', error);
        patch('model', { chooser: asked });
      }
      return false;
    } finally {
      if (mine === turn) patch('model', { opening: null, progress: null });
      // Opening takes the engine from the job that has it.
      const now = get();
      const lost =
        now.model.current !== current ||
        (job === 'score' && !now.score.running && now.score.curve === curve);
      if (job && lost)
        context.toast(
          `Opening ${source.name} stopped ${JOB_NAMES[job]} of ` +
            `${current?.summary.name ?? 'the model'}.`,
        );
    }
  }

  function knownGraphs(source: FolderSource): OpenModel['graphs'] {
    const { chooser, current } = get().model;
    if (chooser?.source === source) return chooser.graphs;
    return current?.source === source ? current.graphs : [];
  }

  function accept(
    source: FolderSource,
    result: Extract<OpenResult, { kind: 'opened' }>,
    graphs: OpenModel['graphs'],
    sameFolder: boolean,
    same: boolean,
  ): void {
    const before = get();
    // The address belongs to the page that was just loaded, or to another graph of the same model;
    // never to a new model.
    const keepPlan = !before.model.current || sameFolder;
    const wanted = keepPlan ? (planFromHash(address.read()) ?? []) : [];
    const summary = result.model;
    let madeFrom: OpenModel['madeFrom'] = null;
    let unread: unknown = null;
    try {
      madeFrom = result.provenance ? readRestored(result.provenance) : null;
    } catch (error) {
      unread = error;
    }
    const removable = removableUnits(summary.blocks, wanted);
    const current: OpenModel = {
      source,
      summary,
      hasTokenizer: result.hasTokenizer,
      chat: result.chat,
      graphs,
      madeFrom,
    };
    store.setState((state) => ({
      ...(same
        ? withSameModel(state)
        : {
            ...withoutModel(state, keepPlan),
            plan: { ...startHistory(withUnits(EMPTY_PLAN, removable, true)), refusal: '' },
          }),
      model: { current, opening: null, progress: null, chooser: null },
    }));
    // Files of the disk can change or go; by then it is too late to ask what they were.
    if (source.kind === 'files') void recogniser.identityOf(current);
    if (unread) context.fail('restore', unread);
    if (same) takeUp(before, summary.name);
    else {
      address.write(planToHash(removable));
      context.announce(`${summary.name} is open: ${summary.numBlocks} blocks.`);
      if (before.score.curve && sameFolder && before.model.current?.source !== source)
        context.toast(`${summary.name} is not what it was: its curve is gone. Score it again.`);
    }
    opened();
    void checkDevice();
  }

  /**
   * What was measured before goes on where it was: the engine forgot the windows with the files.
   */
  function takeUp({ score: { curve } }: StudioState, name: string): void {
    context.toast(`${name} is open again, with its plan${curve ? ' and curve' : ''}.`);
    if (!curve) return;
    const { windows, device } = curve.result;
    givenWindows(windows, device.kind).catch((error: unknown) => context.fail('plan', error));
  }

  async function checkDevice(): Promise<void> {
    if (get().device.report) return;
    const mine = ++deviceTurn;
    patch('device', { checking: true });
    try {
      const report = await api.device();
      if (mine === deviceTurn) patch('device', { report });
    } catch (error) {
      if (mine === deviceTurn) context.fail('device', error);
    } finally {
      if (mine === deviceTurn) patch('device', { checking: false });
    }
  }

  return {
    openSource,
    checkDevice,
    async openSample() {
      const { source, graph } = context.sample;
      return openSource(source, undefined, graph);
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
        if (fresh)
          await openSource({ kind: 'files', ...fresh }, undefined, current.summary.graph, true);
      } catch (error) {
        context.fail('open', error);
      }
    },
    async chooseGraph(path) {
      const source = get().model.chooser?.source ?? get().model.current?.source;
      if (!source) throw new EspalierError('bug', `There is no folder to choose ${path} from.`);
      return openSource(source, path);
    },
    closeChooser: () => patch('model', { chooser: null }),
  };
}
