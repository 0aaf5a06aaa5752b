// Where the focus is when a dialog has opened, instead of on its first button.

import { type RefObject, useEffect, useRef } from 'react';

/** The element to focus; it needs a `tabIndex` when it takes no input. */
export function useFirstFocus<E extends HTMLElement>(): RefObject<E | null> {
  const first = useRef<E>(null);
  useEffect(() => {
    // After the dialog around it was opened, which puts the focus elsewhere.
    const frame = requestAnimationFrame(() => first.current?.focus());
    return () => cancelAnimationFrame(frame);
  }, []);
  return first;
}
