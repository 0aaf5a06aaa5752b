// The architecture of the model with its plan.

import { ARCHITECTURE } from '../../words/blocks.ts';
import { Architecture } from '../charts/Architecture.tsx';
import { Panel } from '../kit/Panel.tsx';
import { useStudio } from '../studioContext.ts';

export function ArchitecturePanel() {
  const model = useStudio((state) => state.model.current?.summary);
  const plan = useStudio((state) => state.plan.present);
  const hover = useStudio((state) => state.view.hover);
  if (!model) return null;
  const hasSublayers = model.blocks.some((block) => block.hasSublayers);
  return (
    <Panel
      id="architecture"
      title={ARCHITECTURE.title}
      sub={
        hasSublayers ? `${ARCHITECTURE.bypassed}; ${ARCHITECTURE.sublayers}` : ARCHITECTURE.bypassed
      }
    >
      <Architecture model={model} removed={plan.removed} locked={plan.locked} hover={hover} />
    </Panel>
  );
}
