// The menu of a panel: its tables as CSV and JSON, its charts as SVG and PNG. A menu as WAI-ARIA
// has it: arrow keys, Home, End, first letters, Escape; the focus goes back to its button.

import { type KeyboardEvent, type RefObject, useEffect, useLayoutEffect, useRef } from 'react';
import { TAKEAWAYS, type Takeaway } from '../../state/takeaway/takeaways.ts';
import { menuWords } from '../../words/takeaway/menu.ts';
import { useActions, useStudioStore } from '../studioContext.ts';
import css from './takeaway.module.css';
import { TAKES, type Take } from './takes.ts';

interface Props {
  id: string;
  panel: string;
  anchor: RefObject<HTMLButtonElement | null>;
  /** The item that has the focus first. */
  start: 'first' | 'last';
  onClose(refocus: boolean): void;
}

export default function TakeawayMenu({ id, panel, anchor, start, onClose }: Props) {
  const menu = useRef<HTMLDivElement>(null);
  const store = useStudioStore();
  const actions = useActions();
  const groups = TAKEAWAYS.filter(
    (row) => row.panel === panel && row.shown(store.state.getState()),
  );

  useLayoutEffect(() => {
    const element = menu.current;
    if (!element || !anchor.current) return;
    element.showPopover();
    place(element, anchor.current.getBoundingClientRect());
    itemsOf(element)
      .at(start === 'last' ? -1 : 0)
      ?.focus();
  }, [anchor, start]);

  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const isOutside = ({ target }: Event) =>
      target instanceof Node &&
      !menu.current?.contains(target) &&
      !anchor.current?.contains(target);
    const leave = (event: Event) => isOutside(event) && onClose(false);
    // What grows or scrolls moves the button, and the menu with it.
    const follow = () => {
      if (menu.current && anchor.current)
        place(menu.current, anchor.current.getBoundingClientRect());
    };
    document.addEventListener('scroll', follow, { signal, capture: true });
    window.addEventListener('resize', follow, { signal });
    document.addEventListener('pointerdown', leave, { signal });
    document.addEventListener('focusin', leave, { signal });
    return () => stop.abort();
  }, [anchor, onClose]);

  const run = async (row: Takeaway, take: Take) => {
    onClose(true);
    actions.toast(await take.run(store, row, anchor.current));
  };

  return (
    <div
      ref={menu}
      id={id}
      role="menu"
      tabIndex={-1}
      popover="manual"
      aria-labelledby={`${id}-button`}
      className={css.menu}
      data-testid={`take-menu-${panel}`}
      onKeyDown={(event) => onKey(event, onClose)}
    >
      {groups.map((row) => (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset is no part of a menu.
        <div key={row.id} role="group" aria-label={row.title} className={css.group}>
          {groups.length > 1 && <span className={css.heading}>{row.title}</span>}
          {TAKES.filter(({ ofChart }) => !ofChart || row.chart).map((take) => (
            <button
              key={take.id}
              type="button"
              role="menuitem"
              tabIndex={-1}
              className={css.item}
              data-testid={`take-${row.id}-${take.id}`}
              onClick={() => void run(row, take)}
            >
              {menuWords[take.id]}
            </button>
          ))}
        </div>
      ))}
    </div>
  );
}

const itemsOf = (menu: Element) => [...menu.querySelectorAll<HTMLElement>('[role="menuitem"]')];

/** Below its button, right edges together; above where there is no room. */
function place(menu: HTMLElement, at: DOMRect): void {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const left = Math.max(8, Math.min(at.right - width, window.innerWidth - width - 8));
  const below = at.bottom + 4;
  const fits = below + height <= window.innerHeight - 8;
  menu.style.left = `${left}px`;
  menu.style.top = `${fits ? below : Math.max(8, at.top - height - 4)}px`;
}

function onKey(event: KeyboardEvent<HTMLElement>, onClose: Props['onClose']): void {
  const items = itemsOf(event.currentTarget);
  const at = items.indexOf(document.activeElement as HTMLElement);
  const last = items.length - 1;
  const moves: Record<string, number> = {
    ArrowDown: at === last ? 0 : at + 1,
    ArrowUp: at <= 0 ? last : at - 1,
    Home: 0,
    End: last,
  };
  // Keys of the page must not run while the menu is open.
  event.nativeEvent.stopPropagation();
  if (event.key === 'Tab') onClose(true);
  else if (event.key === 'Escape') {
    event.preventDefault();
    onClose(true);
  } else if (event.key in moves) {
    event.preventDefault();
    items[moves[event.key]!]?.focus();
  } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const letter = event.key.toLowerCase();
    const after = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    after.find((item) => item.textContent?.toLowerCase().startsWith(letter))?.focus();
  }
}
