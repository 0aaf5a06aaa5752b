// The command line: picks the command, prints one clear line on failure and sets the exit code (0
// ok, 1 failed, 2 usage).

import { toReport } from '../errors.ts';
import { UsageError } from './args.ts';
import { statusDone } from './output.ts';

const USAGE = `usage: npm run -s espalier -- <command> <folder> [options]

  inspect <folder> [--model onnx/model.onnx] [--json -]
      structure: blocks, sizes, cuts, side values, problems; reads no weights
  score <folder> --text <file> | --windows <json of token ids>
      [--criterion ppl|block-influence|angular] [--unit block|attention|ffn] [--contiguous 1]
      [--samples 10 --length 128 --sampler even|random --seed 0 --bos none|every]
      [--remove 3,7] [--device wasm|webgpu] [--budget <MB>] [--model <graph>] [--json <out>]
      perplexity of the model and of leaving out each block (or only its attention or feed-forward part), and with
      --remove of that plan; or another criterion, angular distance over --contiguous blocks
  score <folder> --criterion mag-l1|mag-l2 [--norms] [--model <graph>] [--json <out>]
      magnitude of each block's linear matrices, with --norms also of its norm vectors; reads no text and runs nothing
  search <folder> --remove-count 4 --text <file> | --windows <json of token ids> [--method iterative|one-shot]
      [--criterion ppl|mag-l1|mag-l2|block-influence|angular] [--norms] [--max-ppl <bound>] [--lock 0,15] [--remove 3,7]
      [--samples 10 --length 128 --sampler even|random --seed 0 --bos none|every]
      [--device wasm|webgpu] [--budget <MB>] [--model <graph>] [--json <out>]
      which blocks to remove, with the perplexity of each plan on the way: the best one at a time, scored anew after
      each, or the lowest of one criterion at once; --remove goes before the search, --lock stays
  eval <folder> --text <file> [--segment 128 --stride <tokens> --bos none|every --max-segments <n>]
      [--remove 3,7.attn] [--device wasm|webgpu] [--budget <MB>] [--model <graph>] [--json <out>]
      perplexity on a text of its own, in segments without overlap or with a stride; with --remove also of that plan,
      with how often both find the same token most likely and their KL divergence
  prune <folder> --remove 3,7 --out <dir> [--dtype fp16] [--device wasm|webgpu] [--model <graph>] [--json <out>]
      writes the pruned folder and checks it; --dtype fp16: weights and activations of a float32 graph in float16
  bench <folder> [--remove 3,7] [--dtype fp16] [--prompt <text> | --prompt-tokens 12] [--tokens 128 --warmup 10 --runs 20 --batch 1]
      [--graph-capture] [--device wasm|webgpu] [--model <graph>] [--json <out>]
      tokens per second of the model and, with --remove or --dtype, of what prune would write, run by run in turn
  generate <folder> --prompt <text> [--chat] [--remove 3,7] [--tokens 64 --temperature 0 --top-k 0 --top-p 1 --seed 0]
      [--device wasm|webgpu] [--model <graph>] [--json <out>]
      text of the model and, with --remove, of what prune would write; --chat: the prompt goes through the chat template
  corpus <dir with corpus.json> --golden <dir> [--device wasm|webgpu] [--only a,b]
      [--model <graph>] [--json <out>]
      opens, scores, prunes and checks every folder of a corpus against its golden numbers

--remove takes blocks, ranges and parts of blocks: 3,7.attn,9.ffn,12-14, counted from 0.
--json - writes to standard output. Exit code: 0, 1 (failed, one line on standard error), 2 (usage).`;

const COMMANDS: Record<string, () => Promise<(words: string[]) => Promise<number>>> = {
  inspect: async () => (await import('./inspect.ts')).inspect,
  score: async () => (await import('./score.ts')).score,
  search: async () => (await import('./search.ts')).search,
  eval: async () => (await import('./evaluate.ts')).evaluate,
  prune: async () => (await import('./export.ts')).prune,
  bench: async () => (await import('./speed.ts')).bench,
  generate: async () => (await import('./generate.ts')).generate,
  corpus: async () => (await import('./corpus/corpus.ts')).corpus,
};

async function main(words: string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const command = name === undefined ? undefined : COMMANDS[name];
  if (!command) {
    process.stderr.write(
      `${name === undefined ? 'Name a command.' : `There is no command "${name}".`}\n${USAGE}\n`,
    );
    return 2;
  }
  try {
    return await (await command())(rest);
  } catch (error) {
    statusDone();
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message} (npm run -s espalier -- help)\n`);
      return 2;
    }
    const report = toReport(error);
    process.stderr.write(`${[report.message, report.hint].filter(Boolean).join(' ')}\n`);
    if (report.code === 'bug' || process.env.ESPALIER_DEBUG)
      process.stderr.write(`${report.detail}\n`);
    return 1;
  }
}

// ONNX Runtime's module and a GPU device keep the process alive: end it once the output is flushed.
const code = await main(process.argv.slice(2));
process.stdout.write('', () => process.exit(code));
