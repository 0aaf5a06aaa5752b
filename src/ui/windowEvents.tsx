// What listens to the whole window: drops, shortcuts, focus; and what shows outside the page: its
// title, notifications.

import { useEffect, useRef, useState } from 'react';
import { tinykeys } from 'tinykeys';
import { COMMANDS } from '../state/commands.ts';
import { engineJob } from '../state/jobs.ts';
import { lossByOpening } from '../state/kept/selectors.ts';
import { endOf, pageTitle } from '../state/longJob.ts';
import { runByKey } from '../state/runByKey.ts';
import { PAGE } from '../words/page.ts';
import css from './app.module.css';
import { useActions, useStudio, useStudioStore } from './studioContext.ts';

/** Files can be dropped anywhere; an overlay says so while something is dragged over the window. */
export function DropTarget() {
  const actions = useActions();
  const [over, setOver] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    // Every element on the way fires enter and leave: count them.
    let depth = 0;
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    window.addEventListener(
      'dragenter',
      (event) => {
        if (hasFiles(event)) setOver(++depth > 0);
      },
      { signal },
    );
    window.addEventListener('dragleave', (event) => hasFiles(event) && setOver(--depth > 0), {
      signal,
    });
    window.addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault(), {
      signal,
    });
    window.addEventListener(
      'drop',
      (event) => {
        depth = 0;
        setOver(false);
        if (!event.dataTransfer || !hasFiles(event)) return;
        event.preventDefault();
        void actions.drop(event.dataTransfer);
      },
      { signal },
    );
    return () => stop.abort();
  }, [actions]);
  return over ? (
    <aside className={css.overlay} data-testid="drop-overlay">
      {PAGE.dropHere}
    </aside>
  ) : null;
}

/** Commands by key, except while someone types or a dialog is open. */
export function Shortcuts() {
  const store = useStudioStore();
  useEffect(() => {
    const bindings = COMMANDS.flatMap((command) =>
      command.keys.map((key) => {
        const handler = (event: KeyboardEvent) => {
          const state = store.state.getState();
          if (!key.includes('$mod') && !state.view.singleKeys) return;
          if (
            isTyping(event.target) ||
            document.querySelector('dialog[open]') ||
            !command.enabled(state)
          )
            return;
          event.preventDefault();
          runByKey(command, store.actions, state);
        };
        return [key, handler] as const;
      }),
    );
    return tinykeys(window, Object.fromEntries(bindings));
  }, [store]);
  useEffect(() => {
    const follow = () => store.actions.followAddress();
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, [store]);
  return null;
}

function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement)
    return !['checkbox', 'radio', 'range', 'button'].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** When what has the focus leaves the page, the nearest element around it gets the focus. */
export function FocusKeeper() {
  useEffect(() => {
    const stop = new AbortController();
    let around: Element[] = [];
    const remember = ({ target }: FocusEvent) => {
      around = [];
      for (let at = target instanceof Element ? target : null; at; at = at.parentElement)
        around.push(at);
    };
    // A blur on purpose is left alone.
    const forget = ({ target }: FocusEvent) =>
      queueMicrotask(() => {
        if (target === around[0] && around[0]?.isConnected) around = [];
      });
    window.addEventListener('focusin', remember, { signal: stop.signal });
    window.addEventListener('focusout', forget, { signal: stop.signal });
    const observer = new MutationObserver(() => {
      if (around.length === 0 || around[0]?.isConnected || document.activeElement !== document.body)
        return;
      const next =
        around.find((one) => one.isConnected && one.matches('fieldset, section, dialog, main')) ??
        document.querySelector('main');
      around = [];
      if (!(next instanceof HTMLElement)) return;
      next.tabIndex = -1;
      next.focus({ preventScroll: true });
    });
    observer.observe(document.body, { childList: true, subtree: true });
    return () => {
      stop.abort();
      observer.disconnect();
    };
  }, []);
  return null;
}

/**
 * Asks before the page is left when that loses something: a job that cannot be resumed, results
 * that this browser does not keep. Stores what is not stored yet.
 */
export function LeaveGuard() {
  const asks = useStudio((state) => lossByOpening(state) !== null);
  const { keepNow } = useActions();
  useEffect(() => {
    const onHide = () => document.visibilityState === 'hidden' && keepNow();
    window.addEventListener('pagehide', keepNow);
    document.addEventListener('visibilitychange', onHide);
    return () => {
      window.removeEventListener('pagehide', keepNow);
      document.removeEventListener('visibilitychange', onHide);
    };
  }, [keepNow]);
  useEffect(() => {
    if (!asks) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [asks]);
  return null;
}

/** Shows the progress of a long job in the title, and its end as a notification if that is on. */
export function JobTitle() {
  const store = useStudioStore();
  const title = useStudio(pageTitle);
  const job = useStudio(engineJob);
  const before = useRef(job);
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    const ended = before.current;
    before.current = job;
    const state = store.state.getState();
    if (ended && !job && document.hidden && state.view.notify) notify(endOf(state, ended));
  }, [job, store]);
  return null;
}

function notify({ title, body }: { title: string; body: string }): void {
  if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return;
  try {
    const note = new Notification(title, { body, icon: './favicon.svg', tag: 'espalier-job' });
    note.onclick = () => {
      window.focus();
      note.close();
    };
  } catch {
    // Chrome on Android shows notifications of service workers only.
  }
}
