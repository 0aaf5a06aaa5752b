// Hover and click of anything with a data-block attribute, and of its sublayers by data-unit.

import { type RefObject, useEffect, useRef } from 'react';
import { parseUnit } from '../units.ts';
import { useActions } from './studioContext.ts';

function attributeOf(event: Event, name: string): string | null {
  const marked = event.target instanceof Element ? event.target.closest(`[${name}]`) : null;
  return marked?.getAttribute(name) ?? null;
}

function blockOf(event: Event): number | null {
  const block = attributeOf(event, 'data-block');
  return block === null ? null : Number(block);
}

/** @param clicks false for the block list, whose checkboxes answer clicks themselves */
export function usePointing<E extends Element>(clicks = true): RefObject<E | null> {
  const ref = useRef<E | null>(null);
  const actions = useActions();
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const stop = new AbortController();
    const { signal } = stop;
    // Moves and presses only: what appears under a resting pointer is not meant.
    let last: number | null = null;
    const point = (block: number | null) => {
      if (block !== last) actions.hover(block);
      last = block;
    };
    element.addEventListener('pointermove', (event) => point(blockOf(event)), { signal });
    element.addEventListener('pointerdown', (event) => point(blockOf(event)), { signal });
    element.addEventListener('pointerleave', () => point(null), { signal });
    if (clicks) {
      element.addEventListener(
        'click',
        (event) => {
          const block = blockOf(event);
          if (block === null) return;
          const unit = parseUnit(attributeOf(event, 'data-unit') ?? '');
          if (unit !== null) actions.toggle(unit);
          else if ((event as MouseEvent).shiftKey) actions.extendTo(block);
          else actions.toggle(block);
        },
        { signal },
      );
    }
    return () => stop.abort();
  }, [actions, clicks]);
  return ref;
}
