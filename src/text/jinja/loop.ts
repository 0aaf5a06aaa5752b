// The variable `loop`.

import { compares } from './operators.ts';
import {
  Attributes,
  Callable,
  orUndefined,
  TemplateError,
  Tuple,
  Undefined,
  type Value,
} from './values.ts';

/**
 * What a template knows of turn k of its loop.
 * @param changed what loop.changed() was last asked about, kept from turn to turn
 */
export function loopValue(
  items: readonly Value[],
  k: number,
  changed: { last: Value | null },
): Attributes {
  const n = items.length;
  const near = (at: number): Value => orUndefined(items[at], 'there is no such item');
  return new Attributes((name) => {
    switch (name) {
      case 'index':
        return k + 1;
      case 'index0':
        return k;
      case 'revindex':
        return n - k;
      case 'revindex0':
        return n - k - 1;
      case 'first':
        return k === 0;
      case 'last':
        return k === n - 1;
      case 'length':
        return n;
      // Only recursive loops are deeper.
      case 'depth':
        return 1;
      case 'depth0':
        return 0;
      case 'previtem':
        return near(k - 1);
      case 'nextitem':
        return near(k + 1);
      case 'cycle':
        return new Callable((args) => {
          if (args.length === 0) throw new TemplateError('cycle() needs something to cycle');
          return args[k % args.length]!;
        });
      case 'changed':
        return new Callable((args) => {
          const now = new Tuple(args);
          const same = changed.last !== null && compares('==', changed.last, now);
          changed.last = now;
          return !same;
        });
      default:
        return new Undefined(`a loop has no attribute ${JSON.stringify(name)}`);
    }
  });
}
