// The architecture of the model with its plan.

import { Architecture } from '../charts/Architecture.tsx';
import { Panel } from '../kit/Panel.tsx';
import { useStudio } from '../studioContext.ts';

const BYPASSED = 'removed blocks are bypassed';

export function ArchitecturePanel() {
  const model = useStudio((state) => state.model.current?.summary);
  const plan = useStudio((state) => state.plan.present);
  const hover = useStudio((state) => state.view.hover);
  if (!model) return null;
  const hasSublayers = model.blocks.some((block) => block.hasSublayers);
  return (
    <Panel
      id="architecture"
      title="Architecture"
      sub={hasSublayers ? `${BYPASSED}; attention above feed-forward, by size` : BYPASSED}
    >
      <Architecture model={model} removed={plan.removed} locked={plan.locked} hover={hover} />
    </Panel>
  );
}
