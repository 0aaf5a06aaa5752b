// The middle of the page: the tabs, the job bar, and one workspace at a time.

import { Activity, Suspense, useState } from 'react';
import { WORKSPACES, type WorkspaceId } from '../../words/workspaces.ts';
import { panelsOf } from '../panels.ts';
import { useStudio } from '../studioContext.ts';
import { useWide } from '../useWide.ts';
import { JobBar } from './JobBar.tsx';
import { Slot } from './Slot.tsx';
import { panelId, Tabs, tabId } from './Tabs.tsx';
import css from './workspaces.module.css';

/**
 * A workspace is made when it is first opened and stays as it was left: what was typed and scrolled
 * is there on return, and nothing is computed again.
 */
export function Workspaces() {
  const open = useStudio((state) => state.view.workspace);
  const wide = useWide('resultBeside');
  const [visited, setVisited] = useState<readonly WorkspaceId[]>([]);
  if (!visited.includes(open)) setVisited([...visited, open]);
  return (
    <div className={css.middle}>
      <div className={css.bar}>
        <Tabs />
        {wide && <JobBar />}
      </div>
      {WORKSPACES.map((id) => (
        <div
          key={id}
          role="tabpanel"
          id={panelId(id)}
          aria-labelledby={tabId(id)}
          className={css.workspace}
          hidden={id !== open}
          data-testid={`workspace-${id}`}
        >
          {visited.includes(id) && (
            <Activity mode={id === open ? 'visible' : 'hidden'}>
              <Suspense fallback={<div className={css.loading} />}>
                <Content id={id} />
              </Suspense>
            </Activity>
          )}
        </div>
      ))}
    </div>
  );
}

function Content({ id }: { id: WorkspaceId }) {
  const wide = useWide();
  return panelsOf(id, !wide).map((spec) => <Slot key={spec.id} {...spec} />);
}
