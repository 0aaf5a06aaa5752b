// The process of the command line: words in, exit code out.

import { run } from './run.ts';

// ONNX Runtime's module and a GPU device keep the process alive: end it once the output is flushed.
const code = await run(process.argv.slice(2));
process.stdout.write('', () => process.exit(code));
