// Everything that is not supported or worth knowing, each with its reason. Nothing is skipped in
// silence.

import kit from '../kit/kit.module.css';
import { useStudio } from '../studioContext.ts';

export function ProblemsPanel() {
  const summary = useStudio((state) => state.model.current?.summary);
  if (!summary) return null;
  // The summary may already have said it as a problem.
  const said = summary.problems.map((problem) => problem.message).join(' ');
  const fixed = summary.blocks.filter(
    (block) => block.unremovable && !said.includes(block.unremovable),
  );
  if (summary.problems.length === 0 && fixed.length === 0) return null;
  return (
    <section className={kit.card} aria-labelledby="problems-title" data-testid="problems">
      <div className={kit.head}>
        <h2 id="problems-title">Worth knowing</h2>
      </div>
      <ul style={{ margin: 0, paddingLeft: 18 }}>
        {summary.problems.map((problem) => (
          <li key={problem.code + problem.message}>{problem.message}</li>
        ))}
        {fixed.map((block) => (
          <li key={block.index}>
            Block {block.index} cannot be removed: {block.unremovable}
          </li>
        ))}
      </ul>
    </section>
  );
}
