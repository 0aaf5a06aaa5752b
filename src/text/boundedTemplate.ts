// Renders a Jinja template within a bounded number of steps, since templates come with models of
// unknown origin.

import { Environment, Interpreter, Template } from '@huggingface/jinja';

/** Most characters of a template; the longest known, with tools and reasoning, has 20,000. */
export const MAX_TEMPLATE_CHARS = 256 * 1024;
/** Most bytes of a template file: a character takes at most four. */
export const MAX_TEMPLATE_BYTES = 4 * MAX_TEMPLATE_CHARS;
/**
 * Most evaluations in one rendering, with lists counted by their length: about a second of work. A
 * conversation of 100 turns takes some 20,000.
 */
export const MAX_STEPS = 400_000;
/** Most numbers of a range(). */
export const MAX_RANGE = 10_000;
/** Characters of a string that count as one step, so that repeated doubling ends too. */
const STEP_CHARS = 64;

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

class BoundedInterpreter extends Interpreter {
  #left = MAX_STEPS;

  override evaluate(
    ...args: Parameters<Interpreter['evaluate']>
  ): ReturnType<Interpreter['evaluate']> {
    this.#spend(1);
    const result = super.evaluate(...args);
    const { value } = result as { value: unknown };
    if (Array.isArray(value)) this.#spend(value.length);
    else if (value instanceof Map) this.#spend(value.size);
    else if (typeof value === 'string') this.#spend(Math.floor(value.length / STEP_CHARS));
    return result;
  }

  #spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new Error(`it does not end within ${MAX_STEPS} steps`);
  }
}

/**
 * Parses a template and returns a function of its variables, which throws when the template fails
 * or takes more than MAX_STEPS.
 * @throws Error when the template cannot be parsed or is longer than MAX_TEMPLATE_CHARS.
 */
export function boundedTemplate(
  source: string,
): (variables: Readonly<Record<string, unknown>>) => string {
  if (source.length > MAX_TEMPLATE_CHARS)
    throw new Error(`it has ${source.length} characters, more than ${MAX_TEMPLATE_CHARS}`);
  const { parsed } = new Template(source);
  return (variables) => {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...globals(), ...variables }))
      environment.set(name, value);
    return String(new BoundedInterpreter(environment).run(parsed).value);
  };
}

/**
 * Names that are defined in every template.
 * @source Hugging Face Transformers, chat template utilities
 */
function globals(): Record<string, unknown> {
  return {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range,
    strftime_now: (format: string) => formatTime(new Date(), format),
    raise_exception: (message: unknown) => {
      throw new Error(String(message));
    },
  };
}

/** Python's range, of at most MAX_RANGE numbers. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const count = Math.max(0, Math.ceil((stop - start) / step));
  // NaN (a step of 0, a string) fails here too.
  if (!(count <= MAX_RANGE)) throw new Error(`range() of more than ${MAX_RANGE} numbers`);
  return Array.from({ length: count }, (_, k) => start + k * step);
}

function formatTime(date: Date, format: string): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const month = MONTHS[date.getMonth()] ?? '';
  const parts: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    H: two(date.getHours()),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    B: month,
    b: month.slice(0, 3),
    '%': '%',
  };
  return format.replace(/%([YmdHMSBb%])/g, (token, letter: string) => parts[letter] ?? token);
}
