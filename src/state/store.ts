// The one store of the page: puts slices and actions together. Must not know of JSX, tensors or
// files' insides.

import { useStore } from 'zustand';
import { createStore as createVanilla, type StoreApi } from 'zustand/vanilla';
import type { ErrorReport } from '../errors.ts';
import { type Address, type Context, type Deps, makeContext } from './context.ts';
import { type CriteriaActions, makeCriteriaActions } from './criteria/actions.ts';
import { type EvaluateActions, makeEvaluateActions } from './evaluate/actions.ts';
import { type ExportActions, makeExportActions } from './export/actions.ts';
import { makeRestoreActions, type RestoreActions } from './export/restoreActions.ts';
import { type GenerateActions, makeGenerateActions } from './generate/actions.ts';
import { type BudgetActions, makeBudgetActions } from './goal/actions.ts';
import { type InteropActions, makeInteropActions } from './interop/actions.ts';
import { type ModelActions, makeModelActions } from './open/actions.ts';
import { type DropActions, makeDropActions } from './open/dropActions.ts';
import { makePlanActions, type PlanActions } from './plan/actions.ts';
import { type EffectActions, makeEffectActions } from './plan/effectActions.ts';
import { makeScoreActions, type ScoreActions } from './score/actions.ts';
import { makeResumeActions, type ResumeActions } from './score/resumeActions.ts';
import { makeSublayerActions, type SublayerActions } from './score/sublayerActions.ts';
import { makeSearchActions, type SearchActions } from './search/actions.ts';
import { makeSpeedActions, type SpeedActions } from './speed/actions.ts';
import { makeSpeedJob } from './speed/job.ts';
import { makeStabilityActions, type StabilityActions } from './stability/actions.ts';
import { type Dialog, firstState, type Place, type StudioState } from './state.ts';
import { makeVariantActions, type VariantActions } from './variants/actions.ts';

interface ViewActions {
  hover(block: number | null): void;
  openDialog(dialog: Dialog): void;
  setSingleKeys(on: boolean): void;
  /** Remembered between visits. */
  setNotify(on: boolean): void;
  dismiss(place: Place): void;
  measureAgain(): void;
  /** The engine was started anew after it died or hung. */
  engineReplaced(error: ErrorReport): void;
}

export type Actions = { dispose(): void } & ModelActions &
  ScoreActions &
  SublayerActions &
  CriteriaActions &
  StabilityActions &
  SearchActions &
  PlanActions &
  EvaluateActions &
  InteropActions &
  ExportActions &
  RestoreActions &
  ResumeActions &
  DropActions &
  SpeedActions &
  BudgetActions &
  GenerateActions &
  VariantActions &
  ViewActions;

export interface StudioStore {
  state: StoreApi<StudioState>;
  actions: Actions;
  /** What the disk of this browser can do. */
  canSaveFolder: boolean;
}

export function createStudioStore(deps: Deps, address: Address): StudioStore {
  const state = createVanilla<StudioState>(() => firstState());
  const context = makeContext(state, deps);
  const effect = makeEffectActions(context);
  const model = makeModelActions(context, address, () => {
    effect.planChanged();
    void score.refreshMemory();
  });
  const score = makeScoreActions(context, model.checkDevice, effect.planChanged);
  const parts = makeSublayerActions(context, effect.planChanged);
  const plan = makePlanActions(context, address, effect.planChanged);
  const search = makeSearchActions(context, plan.setRemoved, effect.planChanged);
  const resume = makeResumeActions(context, { ...score, ...parts, ...search });
  const exporting = makeExportActions(context, effect.measureAgain);
  const restore = makeRestoreActions(
    context,
    score,
    (removed) => {
      plan.setRemoved(removed);
      effect.planChanged();
    },
    exporting.setDtype,
  );
  const evaluate = makeEvaluateActions(context, effect.planChanged);
  const interop = makeInteropActions(context, plan.dropLowest);
  const { setText } = score;
  const drop = makeDropActions(context, {
    ...restore,
    ...evaluate,
    ...interop,
    openSource: model.openSource,
    setText,
  });
  const speedJob = makeSpeedJob(context);
  const speed = makeSpeedActions(context, speedJob);
  const budget = makeBudgetActions(context, speedJob, plan.setRemoved);
  const generate = makeGenerateActions(context);
  return {
    state,
    canSaveFolder: deps.disk.canSaveFolder(),
    actions: {
      ...model,
      ...score,
      ...parts,
      ...makeCriteriaActions(context, effect.planChanged),
      ...makeStabilityActions(context, effect.planChanged),
      ...plan,
      ...search,
      ...evaluate,
      ...interop,
      ...resume,
      ...restore,
      ...drop,
      ...exporting,
      ...speed,
      ...budget,
      ...generate,
      ...makeVariantActions(context, plan.setRemoved),
      stopMeasuring() {
        budget.stopBudget();
        speed.stopMeasuring();
      },
      ...viewActions(context, effect, model, score),
      dispose() {
        effect.dispose();
        resume.dispose();
        generate.dispose();
        budget.dispose();
        speed.dispose();
      },
    },
  };
}

function viewActions(
  context: Context,
  effect: EffectActions,
  model: ModelActions,
  score: ScoreActions,
): ViewActions {
  const { get, patch, choices } = context;
  void choices?.recall('notify').then((notify) => notify !== null && patch('view', { notify }));
  return {
    hover(block) {
      if (get().view.hover !== block) patch('view', { hover: block });
    },
    openDialog(dialog) {
      patch('view', { dialog });
      if (dialog === 'export') context.clear('export');
      // A verdict belongs to the plan that was exported.
      const { export: exported, plan } = get();
      if (
        dialog === 'export' &&
        !exported.running &&
        exported.removed.join() !== plan.present.removed.join()
      )
        patch('export', { result: null });
    },
    setSingleKeys: (on) => patch('view', { singleKeys: on }),
    setNotify(on) {
      patch('view', { notify: on });
      void choices?.remember('notify', on);
    },
    dismiss: context.clear,
    measureAgain: effect.measureAgain,
    engineReplaced(error) {
      // A slow cancel also replaces the engine: what it was asked meanwhile is asked again. After a
      // fault nothing is asked again, so that one fault cannot repeat for ever.
      if (error.code === 'cancelled') {
        void model.checkDevice();
        void score.refreshMemory();
      } else context.toast(`${error.message} The engine was started again.`);
    },
  };
}

/** React's view of the store: re-renders when the selected value changes. */
export function useStudioState<T>(store: StudioStore, selector: (state: StudioState) => T): T {
  return useStore(store.state, selector);
}
