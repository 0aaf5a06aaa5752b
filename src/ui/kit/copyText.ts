// Copies a text to the clipboard, where the browser allows it.

import css from './kit.module.css';

/**
 * Pages that were not loaded over HTTPS have no clipboard: they copy a selection instead.
 * @returns whether the browser allowed it
 */
export async function copyText(text: string, near: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = css.hidden ?? '';
    // Beside the button: what lies outside an open dialog cannot be selected.
    near?.after(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    near?.focus();
    return done;
  }
}
