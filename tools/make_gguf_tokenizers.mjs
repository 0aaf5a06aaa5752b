// Ids of llama.cpp for the texts and vocabulary files of make_gguf_tokenizers.py: special tokens in the text are tokens, none
// is added. node make_gguf_tokenizers.mjs <folder>; needs node-llama-cpp 3.22.1.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getLlama } from 'node-llama-cpp';

const [folder] = process.argv.slice(2);
const texts = JSON.parse(readFileSync(join(folder, 'texts.json'), 'utf8'));
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });
const ids = {};
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.gguf'))
  .sort()) {
  const model = await llama.loadModel({ modelPath: join(folder, file), vocabOnly: true });
  ids[file.slice(0, -5)] = texts.map((text) => model.tokenize(text, true));
  await model.dispose();
}
writeFileSync(join(folder, 'ids.json'), JSON.stringify(ids));
process.exit(0);
