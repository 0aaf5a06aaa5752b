// What this model does not support, and what else is worth knowing, each with its reason.

import type { ModelSummary } from '../../model/open/summary.ts';
import type { StudioState } from '../../state/state.ts';
import { PROBLEMS } from '../../words/model.ts';
import { Panel } from '../kit/Panel.tsx';
import { useStudio } from '../studioContext.ts';

/** Blocks that cannot be removed, unless the summary already says so as a problem. */
function fixedBlocks({ blocks, problems }: ModelSummary): ModelSummary['blocks'] {
  const said = problems.map((problem) => problem.message).join(' ');
  return blocks.filter((block) => block.unremovable && !said.includes(block.unremovable));
}

export function hasProblems({ model }: StudioState): boolean {
  const summary = model.current?.summary;
  return !!summary && (summary.problems.length > 0 || fixedBlocks(summary).length > 0);
}

export function ProblemsPanel() {
  const summary = useStudio((state) => state.model.current?.summary);
  if (!summary) return null;
  return (
    <Panel id="problems" title={PROBLEMS.title} testId="problems">
      <ul style={{ margin: 0, paddingLeft: 18 }}>
        {summary.problems.map((problem) => (
          <li key={problem.code + problem.message}>{problem.message}</li>
        ))}
        {fixedBlocks(summary).map((block) => (
          <li key={block.index}>{PROBLEMS.fixed(block.index, block.unremovable ?? '')}</li>
        ))}
      </ul>
    </Panel>
  );
}
