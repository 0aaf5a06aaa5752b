// The architecture card.

import { Architecture } from '../charts/Architecture.tsx';
import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';

export function ArchitecturePanel() {
  const model = useStudio((state) => state.model.current?.summary);
  const plan = useStudio((state) => state.plan.present);
  const hover = useStudio((state) => state.view.hover);
  if (!model) return null;
  const halves = model.blocks.some((block) => block.hasSublayers);
  return (
    <section className={kit.card} aria-labelledby="architecture-title">
      <div className={kit.head}>
        <h2 id="architecture-title">Architecture</h2>
        <span className={kit.sub}>
          removed blocks are bypassed{halves && '; attention above feed-forward, by bytes'}
        </span>
      </div>
      <Architecture model={model} removed={plan.removed} locked={plan.locked} hover={hover} />
    </section>
  );
}
