// How fast original and pruned run, and how that was measured.

import { SPEED } from '../../words/speed.ts';
import { SpeedBars } from '../charts/SpeedBars.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { Panel } from '../kit/Panel.tsx';
import { SpeedCards } from './SpeedCards.tsx';
import { SpeedStatus } from './SpeedStatus.tsx';
import { SpeedTable } from './SpeedTable.tsx';
import { SpeedTools } from './SpeedTools.tsx';
import { SweepSection } from './SweepSection.tsx';
import css from './speed.module.css';

export function SpeedPanel() {
  return (
    <Panel id="speed" title={SPEED.title} sub={SPEED.sub} testId="speed">
      <div className={kit.stack}>
        <SpeedCards />
        <SpeedTools />
        <ErrorNotice place="speed" />
        <SpeedBars />
        <div className={css.details}>
          <SpeedTable />
          <SpeedStatus />
        </div>
        <SweepSection />
      </div>
    </Panel>
  );
}
