// Finds a key that an object of a JSON text has twice, of which JSON.parse keeps the last.

/**
 * The first key that occurs twice in one object, or null. One pass over the characters.
 * @param text valid JSON
 */
export function repeatedKey(text: string): string | null {
  /** The keys of the open objects; null for an open array. */
  const open: (Set<string> | null)[] = [];
  let string: [from: number, to: number] | null = null;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        // "
        const from = at;
        for (at++; text.charCodeAt(at) !== 0x22; at++) if (text.charCodeAt(at) === 0x5c) at++;
        string = [from, at + 1];
        break;
      }
      case 0x3a: {
        // :
        const keys = open.at(-1);
        if (!string || !keys) break;
        const key = JSON.parse(text.slice(...string)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
        break;
      }
      case 0x7b: // {
        open.push(new Set());
        break;
      case 0x5b: // [
        open.push(null);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        break;
    }
  }
  return null;
}
