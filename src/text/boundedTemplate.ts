// Renders a Jinja template within a bounded number of steps, since templates come with models of
// unknown origin.

import { globals } from './jinja/globals.ts';
import { fromJson, Interpreter } from './jinja/interpreter.ts';
import { parse } from './jinja/parser.ts';
import { Scope } from './jinja/scope.ts';

/** Most characters of a template; the longest known, with tools and reasoning, has 20,000. */
export const MAX_TEMPLATE_CHARS = 256 * 1024;
/** Most bytes of a template file: a character takes at most four. */
export const MAX_TEMPLATE_BYTES = 4 * MAX_TEMPLATE_CHARS;
/**
 * Most evaluations in one rendering, with lists counted by their length: about a second of work. A
 * conversation of 100 turns takes some 20,000.
 */
export const MAX_STEPS = 400_000;

/**
 * Parses a template and returns a function of its variables, which throws when the template fails
 * or takes more than MAX_STEPS. It is Jinja as Transformers sets it up: trim_blocks and
 * lstrip_blocks, break and continue, the tag `generation`, nothing that changes a value.
 * @param now the time of strftime_now(), for tests
 * @throws Error when the template cannot be parsed, is longer than MAX_TEMPLATE_CHARS, or uses what
 *   is not supported, which the message names.
 */
export function boundedTemplate(
  source: string,
  now = (): Date => new Date(),
): (variables: Readonly<Record<string, unknown>>) => string {
  if (source.length > MAX_TEMPLATE_CHARS)
    throw new Error(`it has ${source.length} characters, more than ${MAX_TEMPLATE_CHARS}`);
  const body = parse(source);
  return (variables) => {
    const outer = new Scope(null);
    for (const [name, value] of globals(now)) outer.set(name, value);
    const scope = new Scope(outer);
    for (const [name, value] of Object.entries(variables)) scope.set(name, fromJson(value));
    return new Interpreter(MAX_STEPS).render(body, scope);
  };
}
