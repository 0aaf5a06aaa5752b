// The panels of the page: where each lives and when it is shown. A panel is its folder and one row.

import { type ComponentType, lazy } from 'react';
import type { StudioState } from '../state/state.ts';
import { variantRows } from '../state/variants/variants.ts';
import type { WorkspaceId } from '../words/workspaces.ts';
import { GoalPanel } from './goal/GoalPanel.tsx';
import { MadeFromPanel } from './open/MadeFromPanel.tsx';
import { ModelPanel } from './open/ModelPanel.tsx';
import { hasProblems, ProblemsPanel } from './open/ProblemsPanel.tsx';
import { ArchitecturePanel } from './plan/ArchitecturePanel.tsx';
import { BlocksPanel } from './plan/BlocksPanel.tsx';
import { ResultPanel } from './result/ResultPanel.tsx';
import { ImportancePanel } from './score/ImportancePanel.tsx';
import { hasNoNumbers, NoNumbersPanel } from './score/NoNumbersPanel.tsx';

// What is not needed before the first score loads with its workspace.
const CriteriaPanel = lazy(async () => ({
  default: (await import('./criteria/CriteriaPanel.tsx')).CriteriaPanel,
}));
const EvaluatePanel = lazy(async () => ({
  default: (await import('./evaluate/EvaluatePanel.tsx')).EvaluatePanel,
}));
const GeneratePanel = lazy(async () => ({
  default: (await import('./generate/GeneratePanel.tsx')).GeneratePanel,
}));
const HealPanel = lazy(async () => ({
  default: (await import('./heal/HealPanel.tsx')).HealPanel,
}));
const QuantisePanel = lazy(async () => ({
  default: (await import('./quantise/QuantisePanel.tsx')).QuantisePanel,
}));
const SearchPanel = lazy(async () => ({
  default: (await import('./search/SearchPanel.tsx')).SearchPanel,
}));
const SpeedPanel = lazy(async () => ({
  default: (await import('./speed/SpeedPanel.tsx')).SpeedPanel,
}));
const StabilityPanel = lazy(async () => ({
  default: (await import('./stability/StabilityPanel.tsx')).StabilityPanel,
}));
const WidthPanel = lazy(async () => ({
  default: (await import('./width/WidthPanel.tsx')).WidthPanel,
}));
const TasksPanel = lazy(async () => ({
  default: (await import('./tasks/TasksPanel.tsx')).TasksPanel,
}));
const VariantsPanel = lazy(async () => ({
  default: (await import('./variants/VariantsPanel.tsx')).VariantsPanel,
}));

/** Beside the workspace, or in it. */
type Place = 'blocks' | 'result' | WorkspaceId;

export interface PanelSpec {
  id: string;
  Panel: ComponentType;
  /** Where it lives; panels of one place follow each other in the order of the table. */
  place: Place;
  /** Whether it is shown while a model is open; always, when absent. */
  shown?(state: StudioState): boolean;
}

const canScore = (state: StudioState) => state.model.current?.summary.canScore ?? false;
const isExport = (state: StudioState) => state.model.current?.madeFrom != null;
const hasVariants = (state: StudioState) => variantRows(state).length > 0;

const PANELS: readonly PanelSpec[] = [
  { id: 'blocks', place: 'blocks', Panel: BlocksPanel },
  { id: 'problems', place: 'choose', Panel: ProblemsPanel, shown: hasProblems },
  { id: 'made-from', place: 'choose', Panel: MadeFromPanel, shown: isExport },
  { id: 'no-numbers', place: 'choose', Panel: NoNumbersPanel, shown: hasNoNumbers },
  { id: 'goal', place: 'choose', Panel: GoalPanel },
  { id: 'importance', place: 'choose', Panel: ImportancePanel },
  { id: 'architecture', place: 'choose', Panel: ArchitecturePanel },
  { id: 'model', place: 'choose', Panel: ModelPanel },
  { id: 'criteria', place: 'compare', Panel: CriteriaPanel },
  { id: 'search', place: 'compare', Panel: SearchPanel, shown: canScore },
  { id: 'stability', place: 'compare', Panel: StabilityPanel, shown: canScore },
  { id: 'heal', place: 'heal', Panel: HealPanel },
  { id: 'quantise', place: 'quantise', Panel: QuantisePanel },
  { id: 'evaluate', place: 'quality', Panel: EvaluatePanel, shown: canScore },
  { id: 'generate', place: 'quality', Panel: GeneratePanel },
  { id: 'tasks', place: 'tasks', Panel: TasksPanel, shown: canScore },
  { id: 'speed', place: 'speed', Panel: SpeedPanel },
  { id: 'width', place: 'speed', Panel: WidthPanel, shown: canScore },
  { id: 'variants', place: 'variants', Panel: VariantsPanel, shown: hasVariants },
  { id: 'result', place: 'result', Panel: ResultPanel },
];

/** On a narrow screen the curve and the blocks come first, one below the other. */
const NARROW_FIRST = ['problems', 'made-from', 'no-numbers', 'importance', 'blocks'];

/** The panels of a place; a narrow screen has the blocks in the first workspace. */
export function panelsOf(place: Place, narrow: boolean): readonly PanelSpec[] {
  const here = PANELS.filter((panel) => panel.place === place);
  if (!narrow || place !== 'choose') return here;
  const first = NARROW_FIRST.flatMap((id) => PANELS.filter((panel) => panel.id === id));
  return [...first, ...here.filter((panel) => !first.includes(panel))];
}
