// How fast original and pruned run, and how that was measured.

import { SpeedBars } from '../charts/SpeedBars.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { SpeedCards } from './SpeedCards.tsx';
import { SpeedStatus } from './SpeedStatus.tsx';
import { SpeedTable } from './SpeedTable.tsx';
import { SpeedTools } from './SpeedTools.tsx';
import { SweepSection } from './SweepSection.tsx';

export function SpeedPanel() {
  return (
    <Panel id="speed" title="Speed" sub="measured on the exported files" testId="speed">
      <div className={kit.stack}>
        <SpeedCards />
        <SpeedBars />
        <SpeedTools />
        <ErrorNotice place="speed" />
        <SpeedTable />
        <SpeedStatus />
        <SweepSection />
      </div>
    </Panel>
  );
}
