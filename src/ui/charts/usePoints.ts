// Hover and click of the points of a chart, heard on its figure; its table answers the keyboard.

import { type RefObject, useEffect, useRef } from 'react';

/** @param attribute of the elements that are points; its value is what the callbacks get */
export function usePoints(
  attribute: string,
  onHover: (id: string | null) => void,
  onClick: (id: string) => void,
): RefObject<HTMLElement | null> {
  const ref = useRef<HTMLElement | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const idOf = ({ target }: Event) => {
      const point = target instanceof Element ? target.closest(`[${attribute}]`) : null;
      return point?.getAttribute(attribute) ?? null;
    };
    const listen = (name: string, act: (id: string | null) => void) =>
      ref.current?.addEventListener(name, (event) => act(idOf(event)), { signal: stop.signal });
    listen('pointermove', onHover);
    listen('pointerleave', () => onHover(null));
    listen('click', (id) => id !== null && onClick(id));
    return () => stop.abort();
  }, [attribute, onHover, onClick]);
  return ref;
}
