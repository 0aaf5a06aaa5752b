// The subcommands by name, in the order of the help; help, usage errors and dispatch follow this
// table. A subcommand is one file and one row.

import type { Command } from './command.ts';
import { corpus } from './corpus/corpus.ts';
import { evaluate } from './evaluate.ts';
import { convert } from './export/convert.ts';
import { prune } from './export/prune.ts';
import { generate } from './generate.ts';
import { heal } from './heal/heal.ts';
import { inspect } from './inspect.ts';
import { quantise } from './quantise/quantise.ts';
import { score } from './score.ts';
import { search } from './search.ts';
import { bench } from './speed.ts';
import { tasks } from './tasks/tasks.ts';
import { width } from './width/width.ts';

export const COMMANDS: { readonly [name: string]: Command } = {
  inspect,
  score,
  search,
  eval: evaluate,
  tasks,
  prune,
  convert,
  heal,
  quantise,
  width,
  bench,
  generate,
  corpus,
};

/** Other spellings of commands. */
export const SPELLINGS: { readonly [name: string]: string } = { quantize: 'quantise' };
