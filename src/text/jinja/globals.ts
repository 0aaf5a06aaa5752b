// The functions that every template has.

import { Given } from './arguments.ts';
import {
  Callable,
  iterate,
  keyOf,
  Namespace,
  TemplateError,
  textOf,
  unsupported,
  type Value,
} from './values.ts';

/** Most numbers of a range(). */
export const MAX_RANGE = 10_000;

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/**
 * Names that are defined in every template.
 * @source Hugging Face Transformers, chat template utilities; Jinja, "List of Global Functions"
 */
export function globals(now: () => Date): [string, Value][] {
  return [
    ['range', new Callable((args) => range(args))],
    ['dict', new Callable((args, keywords) => new Map([...pairs(args), ...keywords]))],
    [
      'namespace',
      new Callable((args, keywords) => {
        const space = new Namespace();
        for (const [name, value] of [...pairs(args), ...keywords])
          space.values.set(String(name), value);
        return space;
      }),
    ],
    [
      'raise_exception',
      new Callable((args, keywords) => {
        throw new TemplateError(
          textOf(new Given('raise_exception', args, keywords).need('message')),
        );
      }),
    ],
    [
      'strftime_now',
      new Callable((args, keywords) =>
        formatTime(now(), new Given('strftime_now', args, keywords).text('format')),
      ),
    ],
    ...['cycler', 'joiner', 'lipsum'].map((name): [string, Value] => [
      name,
      new Callable(() => {
        throw unsupported(`the function ${name}`);
      }),
    ]),
  ];
}

function pairs(args: readonly Value[]): [string | number | boolean | null, Value][] {
  const [source] = args;
  if (source === undefined) return [];
  if (source instanceof Map) return [...source];
  return iterate(source).map((pair) => {
    const [key, value] = iterate(pair);
    if (key === undefined || value === undefined)
      throw new TemplateError('a mapping is made of pairs');
    return [keyOf(key), value];
  });
}

/** Python's range, of at most MAX_RANGE numbers. */
function range(args: readonly Value[]): Value {
  if (args.length < 1 || args.length > 3 || args.some((arg) => typeof arg !== 'number'))
    throw new TemplateError('range() needs one to three whole numbers');
  const numbers = args as number[];
  const [start, stop] = numbers.length === 1 ? [0, numbers[0]!] : [numbers[0]!, numbers[1]!];
  const step = numbers[2] ?? 1;
  const count = Math.max(0, Math.ceil((stop - start) / step));
  // NaN and infinity (a step of 0) fail here too.
  if (!(count <= MAX_RANGE)) throw new TemplateError(`range() of more than ${MAX_RANGE} numbers`);
  return Array.from({ length: count }, (_, k) => start + k * step);
}

/** Python's strftime in English. */
function formatTime(date: Date, format: string): string {
  const month = MONTHS[date.getMonth()] ?? '';
  const day = DAYS[date.getDay()] ?? '';
  const two = (n: number): string => String(n).padStart(2, '0');
  const hour = date.getHours();
  const time = [hour, date.getMinutes(), date.getSeconds()].map(two).join(':');
  const start = new Date(date.getFullYear(), 0, 1);
  const ofYear = Math.round((dayOf(date) - dayOf(start)) / 86_400_000) + 1;
  const parts: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    H: two(hour),
    I: two(hour % 12 || 12),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    p: hour < 12 ? 'AM' : 'PM',
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    j: String(ofYear).padStart(3, '0'),
    F: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    T: time,
    '%': '%',
  };
  return format.replace(/%(-?)(.?)/gs, (token, bare: string, letter: string) => {
    const part = parts[letter];
    if (part === undefined) throw unsupported(`${JSON.stringify(token)} in strftime_now()`);
    return bare ? part.replace(/^0+(?=\d)/, '') : part;
  });
}

const dayOf = (date: Date): number => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
