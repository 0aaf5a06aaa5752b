// The command line: picks the command, prints one clear line on failure and gives the exit code (0
// success, 1 failure, 2 wrong usage).

import { toReport } from '../errors.ts';
import { UsageError } from './args.ts';
import { COMMANDS, SPELLINGS } from './commands.ts';
import { commandHelp, overview, PROGRAM } from './help.ts';
import { didYouMean } from './nearest.ts';
import { statusDone } from './output.ts';
import { COMMON_OPTIONS, RUN_OPTIONS } from './sharedOptions.ts';

const HELP = ['--help', '-h'];

/** Runs the words of a command line; returns the exit code. */
export async function run(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined) {
    process.stderr.write(`Name a command.\n\n${wholeHelp()}`);
    return 2;
  }
  if (name === 'help' || HELP.includes(name)) return help(rest[0]);
  const command = commandOf(name);
  if (!command) return unknownCommand(name);
  if (optionsOf(rest).some((word) => HELP.includes(word))) return help(name);
  try {
    return await command(rest);
  } catch (error) {
    statusDone();
    if (error instanceof UsageError) {
      const gap = error.message.includes('\n') ? '\n' : ' ';
      process.stderr.write(`${error.message}${gap}(${PROGRAM} help ${name})\n`);
      return 2;
    }
    const report = toReport(error);
    process.stderr.write(`${[report.message, report.hint].filter(Boolean).join(' ')}\n`);
    if (report.code === 'bug' || process.env.ESPALIER_DEBUG)
      process.stderr.write(`${report.detail}\n`);
    return 1;
  }
}

function help(name: string | undefined): number {
  const command = name === undefined ? undefined : commandOf(name);
  if (name !== undefined && !command) return unknownCommand(name);
  process.stdout.write(name !== undefined && command ? commandHelp(name, command) : wholeHelp());
  return 0;
}

function unknownCommand(name: string): number {
  const names = Object.keys(COMMANDS);
  process.stderr.write(
    `There is no command "${name}".${didYouMean(name, names)} ` +
      `The commands are ${names.join(', ')}. (${PROGRAM} help)\n`,
  );
  return 2;
}

/** Own rows only: "constructor" is no command. */
function commandOf(name: string) {
  const spelt = Object.hasOwn(SPELLINGS, name) ? (SPELLINGS[name] ?? name) : name;
  return Object.hasOwn(COMMANDS, spelt) ? COMMANDS[spelt] : undefined;
}

function wholeHelp(): string {
  return overview(COMMANDS, { ...COMMON_OPTIONS, ...RUN_OPTIONS });
}

/** Words before "--": after it all are positional. */
function optionsOf(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  return end < 0 ? words : words.slice(0, end);
}
