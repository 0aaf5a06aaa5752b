// The actions of the page: one object, put together from what each folder makes of them.

import { EspalierError } from '../errors.ts';
import { makeCriteriaActions } from './criteria/actions.ts';
import { makeDeviceActions } from './device/actions.ts';
import { makeDraftActions } from './drafts/actions.ts';
import { makeEffectActions } from './effect/actions.ts';
import { makeEstimateActions } from './estimate/actions.ts';
import { makeEvaluateActions } from './evaluate/actions.ts';
import { makeExportActions } from './export/actions.ts';
import { makeAdapterActions } from './export/adapterActions.ts';
import { makeFormsActions } from './export/formsActions.ts';
import { makeRestoreActions } from './export/restoreActions.ts';
import { makeGenerateActions } from './generate/actions.ts';
import { makeConversationActions } from './generate/conversation.ts';
import { makeGoalActions } from './goal/actions.ts';
import { makeHealActions } from './heal/actions.ts';
import { makeRefitActions } from './heal/refitActions.ts';
import { makeHealShelfActions } from './heal/shelfActions.ts';
import { makeInteropActions } from './interop/actions.ts';
import { makeResumeActions } from './interrupted/actions.ts';
import { makeKeptActions } from './kept/actions.ts';
import { makeLineageActions } from './lineage/actions.ts';
import { makeModelActions } from './open/actions.ts';
import { makeDropActions } from './open/dropActions.ts';
import { makePlanActions } from './plan/actions.ts';
import { makeQuantiseActions } from './quantise/actions.ts';
import { makeQuantiseShelfActions } from './quantise/shelfActions.ts';
import { makeRecentActions } from './recents/actions.ts';
import { makeScoreActions } from './score/actions.ts';
import { makeSearchActions } from './search/actions.ts';
import { makePathActions } from './search/pathActions.ts';
import { makeSiteActions } from './site/actions.ts';
import { makeSpeedActions } from './speed/actions.ts';
import type { SpeedContext } from './speed/job.ts';
import { makeStabilityActions } from './stability/actions.ts';
import { makeSublayerActions } from './sublayers/actions.ts';
import { makeTaskActions } from './tasks/actions.ts';
import { makeVariantActions } from './variants/actions.ts';
import { makeVerdictActions } from './verdict/actions.ts';
import { makeViewActions } from './view/actions.ts';
import { makeWidthActions } from './width/actions.ts';
import { makeWidthExportActions } from './width/exportActions.ts';

/**
 * The makers. Each gets the actions of all as its second parameter; they are
 * complete by the time that any of them is called.
 */
const MAKERS = [
  makeDeviceActions,
  makeModelActions,
  makeScoreActions,
  makeSublayerActions,
  makeCriteriaActions,
  makeStabilityActions,
  makePlanActions,
  makeEffectActions,
  makeEstimateActions,
  makeSearchActions,
  makePathActions,
  makeEvaluateActions,
  makeHealActions,
  makeHealShelfActions,
  makeRefitActions,
  makeQuantiseActions,
  makeQuantiseShelfActions,
  makeTaskActions,
  makeDraftActions,
  makeInteropActions,
  makeResumeActions,
  makeRestoreActions,
  makeDropActions,
  makeExportActions,
  makeFormsActions,
  makeAdapterActions,
  makeGoalActions,
  makeSpeedActions,
  makeWidthActions,
  makeWidthExportActions,
  makeGenerateActions,
  makeConversationActions,
  makeVariantActions,
  makeVerdictActions,
  makeViewActions,
  makeKeptActions,
  makeLineageActions,
  makeRecentActions,
  makeSiteActions,
];

type Both<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void
  ? I
  : never;

export type Actions = Both<ReturnType<(typeof MAKERS)[number]>>;

export function makeActions(context: SpeedContext): Actions {
  const actions = {} as Actions;
  for (const make of MAKERS) {
    const made = make(context, actions);
    const twice = Object.keys(made).filter((name) => name in actions);
    if (twice.length > 0) throw new EspalierError('bug', `Two makers make ${twice.join(', ')}.`);
    Object.assign(actions, made);
  }
  return actions;
}
