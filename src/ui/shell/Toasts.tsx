// Short messages over the page, and errors that are shown where nobody looks at the moment: those
// stay until they are closed, and lead to their place.

import { useEffect } from 'react';
import { Toaster, toast } from 'sonner';
import { COMMANDS } from '../../state/commands.ts';
import { offersUpdate } from '../../state/site/selectors.ts';
import type { ErrorPlace } from '../../state/state.ts';
import { SHOW_ERROR, UPDATE } from '../../words/page.ts';
import { useActions, useStudio, useStudioStore } from '../studioContext.ts';
import css from './toasts.module.css';

const LAYER = 'toasts';
const ACTION_MS = 12_000;

const noticeOf = (place: string) =>
  document.querySelector<HTMLElement>(`[data-testid="error-${place}"]`);

/** Above a modal dialog, which lies above everything else. */
function raise(): void {
  const layer = document.getElementById(LAYER);
  layer?.hidePopover?.();
  layer?.showPopover?.();
}

/** True when enough of the element is seen to be read, and no dialog covers it. */
function isInView(element: HTMLElement | null): boolean {
  if (!element?.checkVisibility()) return false;
  const { top, bottom } = element.getBoundingClientRect();
  const covered = document.querySelector('dialog[open]') !== null && !element.closest('dialog');
  return !covered && top >= 0 && Math.min(bottom, top + 40) <= window.innerHeight;
}

/** After React has put what changed on the page, a lazily loaded workspace included. */
async function whenThere(place: string): Promise<HTMLElement | null> {
  for (let frames = 0; frames < 60; frames++) {
    await new Promise(requestAnimationFrame);
    const notice = noticeOf(place);
    if (notice?.checkVisibility()) return notice;
  }
  return null;
}

export function Toasts() {
  return (
    <div id={LAYER} popover="manual" className={css.layer}>
      <Messages />
      <Faults />
      <Update />
      {/* Above the strip with the result. */}
      <Toaster position="bottom-center" theme="system" mobileOffset={{ bottom: 96 }} />
    </div>
  );
}

function Messages() {
  const last = useStudio((state) => state.view.toast);
  const store = useStudioStore();
  useEffect(() => {
    if (!last) return;
    raise();
    const { text, action } = last;
    if (!action) {
      toast(text);
      return;
    }
    const run = () => {
      const one = COMMANDS.find(({ id }) => id === action.command);
      const state = store.state.getState();
      if (one?.enabled(state)) one.run(store.actions, state);
    };
    toast(text, { duration: ACTION_MS, action: { label: action.label, onClick: run } });
  }, [last, store]);
  return null;
}

function Faults() {
  const fault = useStudio((state) => state.view.fault);
  const errors = useStudio((state) => state.errors);
  const actions = useActions();
  const store = useStudioStore();
  useEffect(() => {
    if (!fault) return;
    const place = fault.place as ErrorPlace;
    const show = async () => {
      actions.showError(place);
      const notice = await whenThere(place);
      notice?.scrollIntoView({ block: 'center' });
      notice?.focus({ preventScroll: true });
      // The list of messages, when it loses the focus, gives it back to where it was before.
      requestAnimationFrame(() => notice?.focus({ preventScroll: true }));
    };
    const frame = requestAnimationFrame(() => {
      const error = store.state.getState().errors[place];
      // What was dropped or opened is answered at the pointer, wherever the page is scrolled to.
      if (!error || (place !== 'open' && isInView(noticeOf(place)))) return;
      raise();
      toast.error(error.message, {
        id: idOf(place),
        description: error.hint,
        duration: Number.POSITIVE_INFINITY,
        closeButton: true,
        action: { label: SHOW_ERROR, onClick: () => void show() },
      });
    });
    return () => cancelAnimationFrame(frame);
  }, [fault, actions, store]);
  // An error that is gone from its place is gone from here.
  useEffect(() => {
    for (const { id } of toast.getToasts()) {
      const place = PLACE.exec(String(id))?.[1];
      if (place && !errors[place as ErrorPlace]) toast.dismiss(id);
    }
  }, [errors]);
  return null;
}

/** Stays until it is closed, and makes way for work. */
function Update() {
  const offers = useStudio(offersUpdate);
  const actions = useActions();
  useEffect(() => {
    if (!offers) return;
    raise();
    const id = toast(UPDATE.ready, {
      duration: Number.POSITIVE_INFINITY,
      closeButton: true,
      action: { label: UPDATE.reload, onClick: actions.reloadPage },
    });
    return () => void toast.dismiss(id);
  }, [offers, actions]);
  return null;
}

const idOf = (place: ErrorPlace) => `fault-${place}`;
const PLACE = /^fault-(.+)$/;
