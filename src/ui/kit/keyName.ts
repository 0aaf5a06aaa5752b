// Key bindings as people read them.

const isMac = typeof navigator !== 'undefined' && /mac|iphone|ipad/i.test(navigator.userAgent);

const NAMES: Record<string, string> = {
  $mod: isMac ? '⌘' : 'Ctrl',
  Shift: isMac ? '⇧' : 'Shift',
  Escape: 'Esc',
};

/** `$mod+Shift+z` as `Ctrl+Shift+Z`. */
export function keyName(binding: string): string {
  return binding
    .split('+')
    .map((part) => NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join('+');
}
