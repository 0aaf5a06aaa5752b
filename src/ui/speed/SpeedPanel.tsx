// How fast original and plan run: two cards, bars with the range of the runs, and how it was
// measured. Measured and predicted never look alike.

import { SpeedBars } from '../charts/SpeedBars.tsx';
import { ErrorNotice } from '../kit/ErrorNotice.tsx';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';
import { SpeedCards } from './SpeedCards.tsx';
import { SpeedStatus } from './SpeedStatus.tsx';
import { SpeedTable } from './SpeedTable.tsx';
import { SpeedTools } from './SpeedTools.tsx';
import { SweepSection } from './SweepSection.tsx';

export function SpeedPanel() {
  const isOpen = useStudio((state) => state.model.current !== null);
  if (!isOpen) return null;
  return (
    <section className={kit.card} aria-labelledby="speed-title" data-testid="speed">
      <div className={kit.head}>
        <h2 id="speed-title">Speed</h2>
        <span className={kit.sub}>of the files that an export writes</span>
      </div>
      <div className={kit.stack}>
        <SpeedCards />
        <SpeedBars />
        <SpeedTools />
        <ErrorNotice place="speed" />
        <SpeedTable />
        <SpeedStatus />
        <SweepSection />
      </div>
    </section>
  );
}
