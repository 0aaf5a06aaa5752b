// The tabs of the workspaces, as WAI-ARIA describes them: one is in the tab order, arrows move.

import { type KeyboardEvent, useRef } from 'react';
import { PAGE, WORKSPACE_LABELS, WORKSPACE_PURPOSES } from '../../words/page.ts';
import { WORKSPACES, type WorkspaceId } from '../../words/workspaces.ts';
import { useActions, useStudio } from '../studioContext.ts';
import css from './workspaces.module.css';

export const tabId = (id: WorkspaceId) => `tab-${id}`;
export const panelId = (id: WorkspaceId) => `workspace-${id}`;

export function Tabs() {
  const open = useStudio((state) => state.view.workspace);
  const actions = useActions();
  const list = useRef<HTMLDivElement>(null);

  function onKey(event: KeyboardEvent, at: number): void {
    const last = WORKSPACES.length - 1;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.metaKey || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    const id = WORKSPACES[(to + WORKSPACES.length) % WORKSPACES.length]!;
    actions.openWorkspace(id);
    list.current?.querySelector<HTMLElement>(`#${tabId(id)}`)?.focus();
  }

  return (
    <div ref={list} role="tablist" aria-label={PAGE.tabs} className={css.tabs}>
      {WORKSPACES.map((id, at) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={tabId(id)}
          className={css.tab}
          aria-selected={id === open}
          aria-controls={panelId(id)}
          tabIndex={id === open ? 0 : -1}
          title={`${WORKSPACE_PURPOSES[id]} (${at + 1})`}
          data-testid={tabId(id)}
          onClick={() => actions.openWorkspace(id)}
          onKeyDown={(event) => onKey(event, at)}
        >
          {WORKSPACE_LABELS[id]}
        </button>
      ))}
    </div>
  );
}
