// The charts that can be taken away, by the id of their take-away: the chart and its legend.

import type { ComponentType } from 'react';
import { trainingCurve } from '../../state/heal/selectors.ts';
import { shownQuantisation } from '../../state/quantise/selectors.ts';
import type { FigureId } from '../../state/takeaway/takeaways.ts';
import { shownBatch, widthView } from '../../state/width/selectors.ts';
import { Architecture } from '../charts/Architecture.tsx';
import HealChart from '../charts/HealChart.tsx';
import { BlocksChart } from '../charts/ImportanceChart.tsx';
import ParetoChart from '../charts/ParetoChart.tsx';
import PathChart from '../charts/PathChart.tsx';
import LossPartsChart from '../charts/quantise/LossPartsChart.tsx';
import SensitivityChart from '../charts/quantise/SensitivityChart.tsx';
import { sensitivityPoints } from '../charts/quantise/sensitivityLayout.ts';
import RankChart from '../charts/RankChart.tsx';
import { SublayersChart } from '../charts/SublayersChart.tsx';
import SweepChart from '../charts/SweepChart.tsx';
import WidthChart from '../charts/width/WidthChart.tsx';
import { useStudio } from '../studioContext.ts';
import * as legends from './legends.tsx';
import { SpeedFigure } from './SpeedFigure.tsx';
import { StabilityFigure } from './StabilityFigure.tsx';

interface FigureSpec {
  Chart: ComponentType;
  legend: legends.Legend;
}

export const FIGURES: Readonly<Record<FigureId, FigureSpec>> = {
  importance: { Chart: BlocksChart, legend: legends.importance },
  sublayers: { Chart: SublayersChart, legend: legends.sublayers },
  architecture: { Chart: PlannedArchitecture, legend: legends.architecture },
  criteria: { Chart: RankChart, legend: legends.criteria },
  search: { Chart: Paths, legend: legends.search },
  stability: { Chart: StabilityFigure, legend: legends.stability },
  losses: { Chart: Losses, legend: legends.losses },
  quantisation: { Chart: LossParts, legend: legends.quantisation },
  matrices: { Chart: Matrices, legend: legends.matrices },
  speed: { Chart: SpeedFigure, legend: legends.speed },
  sweep: { Chart: Sweep, legend: legends.sweep },
  width: { Chart: WidthLosses, legend: legends.width },
  'width-speeds': { Chart: WidthSpeeds, legend: legends.widthSpeeds },
  variants: { Chart: Variants, legend: legends.variants },
};

const nothing = () => undefined;

function Paths() {
  return <PathChart hover={null} onHover={nothing} />;
}

function Losses() {
  const curve = useStudio(trainingCurve);
  return curve && <HealChart {...curve} training={curve.losses} />;
}

function LossParts() {
  const shown = useStudio(shownQuantisation);
  return shown && <LossPartsChart measured={shown.quantisation.record.measured} />;
}

function Matrices() {
  const shown = useStudio(shownQuantisation);
  if (!shown) return null;
  return <SensitivityChart points={sensitivityPoints(shown.matrices, shown.asked.forms)} />;
}

function Variants() {
  return <ParetoChart hover={null} onHover={nothing} />;
}

function WidthLosses() {
  const view = useStudio(widthView);
  return view && <WidthChart view={view} axis="params" batch={1} />;
}

function WidthSpeeds() {
  const view = useStudio(widthView);
  const batch = useStudio(shownBatch);
  return view && <WidthChart view={view} axis="speed" batch={batch} />;
}

function Sweep() {
  const shown = useStudio((state) => state.speed.sweep.shown);
  return shown && <SweepChart result={shown.result} />;
}

function PlannedArchitecture() {
  const model = useStudio((state) => state.model.current?.summary);
  const { removed, locked } = useStudio((state) => state.plan.present);
  return model && <Architecture model={model} removed={removed} locked={locked} hover={null} />;
}
