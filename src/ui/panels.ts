// The panels of the page: where each lives and when it is shown. A panel is its folder and one row.

import type { ComponentType } from 'react';
import type { StudioState } from '../state/state.ts';
import { variantRows } from '../state/variants/variants.ts';
import { CriteriaPanel } from './criteria/CriteriaPanel.tsx';
import { EffectPanel } from './effect/EffectPanel.tsx';
import { EvaluatePanel } from './evaluate/EvaluatePanel.tsx';
import { GeneratePanel } from './generate/GeneratePanel.tsx';
import { MadeFromPanel } from './open/MadeFromPanel.tsx';
import { ModelPanel } from './open/ModelPanel.tsx';
import { hasProblems, ProblemsPanel } from './open/ProblemsPanel.tsx';
import { ArchitecturePanel } from './plan/ArchitecturePanel.tsx';
import { BlocksPanel } from './plan/BlocksPanel.tsx';
import { ImportancePanel } from './score/ImportancePanel.tsx';
import { SearchPanel } from './search/SearchPanel.tsx';
import { SpeedPanel } from './speed/SpeedPanel.tsx';
import { StabilityPanel } from './stability/StabilityPanel.tsx';
import { VariantsPanel } from './variants/VariantsPanel.tsx';

/** From left to right. */
export const COLUMNS = ['left', 'middle', 'right'] as const;

export interface PanelSpec {
  id: string;
  Panel: ComponentType;
  /** Where it lives; panels of one place follow each other in the order of the table. */
  place: (typeof COLUMNS)[number];
  /** Whether it is shown while a model is open; always, when absent. */
  shown?(state: StudioState): boolean;
}

const canScore = (state: StudioState) => state.model.current?.summary.canScore ?? false;
const isExport = (state: StudioState) => state.model.current?.madeFrom != null;
const hasVariants = (state: StudioState) => variantRows(state).length > 0;

export const PANELS: readonly PanelSpec[] = [
  { id: 'blocks', place: 'left', Panel: BlocksPanel },
  { id: 'importance', place: 'middle', Panel: ImportancePanel },
  { id: 'architecture', place: 'middle', Panel: ArchitecturePanel },
  { id: 'generate', place: 'middle', Panel: GeneratePanel },
  { id: 'variants', place: 'middle', Panel: VariantsPanel, shown: hasVariants },
  { id: 'search', place: 'middle', Panel: SearchPanel, shown: canScore },
  { id: 'criteria', place: 'middle', Panel: CriteriaPanel },
  { id: 'stability', place: 'middle', Panel: StabilityPanel, shown: canScore },
  { id: 'evaluate', place: 'middle', Panel: EvaluatePanel, shown: canScore },
  { id: 'effect', place: 'right', Panel: EffectPanel },
  { id: 'speed', place: 'right', Panel: SpeedPanel },
  { id: 'made-from', place: 'right', Panel: MadeFromPanel, shown: isExport },
  { id: 'problems', place: 'right', Panel: ProblemsPanel, shown: hasProblems },
  { id: 'model', place: 'right', Panel: ModelPanel },
];
