// What the help dialog says: what the page does, what can be dropped, keys, and about.

export const HELP = {
  title: 'Help and about',
  does: 'What this page does',
  steps: [
    'Open a Hugging Face checkpoint (safetensors), a GGUF file, a model folder in ONNX format, ' +
      'or the sample. Nothing is uploaded: everything runs in this tab.',
    'Score the blocks: each one is removed in turn, and the perplexity without it is measured. A ' +
      'low score means that the block matters little.',
    'Choose what to remove: with the slider, by a goal, or block by block. Perplexity and size ' +
      'of the plan are shown beside it.',
    'Heal what is left, where the plan costs too much: refit it in seconds, or train it here.',
    'Check the plan: evaluate it on another text, read what it writes, measure its speed.',
    'Export the pruned model: in the format that it came in it runs wherever the original runs. ' +
      'Checkpoints and GGUF files can be written as ONNX too, for web pages.',
    'To train a pruned checkpoint further on a cluster, save the kit for continued pretraining ' +
      'from the export. What comes of it opens here beside its source.',
  ],
  files: 'What can be dropped or opened',
  fileKinds: [
    ['a model folder, or a zip of one', 'opens it: safetensors, GGUF or ONNX'],
    ['a .gguf file, or all parts of a split one', 'opens it'],
    ['a .txt or .md file', 'a text to score blocks, to evaluate plans or to heal on'],
    ['a .json file of token ids', 'windows to score on'],
    ['a .json or .jsonl file of instructions', 'questions with answers to heal on'],
    [
      'an espalier.json',
      'restores plan and curve on its source model; on a model that was trained from the export, ' +
        'says what it was made from',
    ],
    ['a block_order.csv or all_ppl_unsorted.csv', 'the order or the curve of another tool'],
  ],
  terms: 'Terms',
  keys: 'Keys',
  anywhere: 'Anywhere',
  inList: 'In the block list',
  listKeys: [
    ['↑ ↓ Home End', 'move through the blocks'],
    ['Space', 'remove or restore the block'],
    ['Shift+↑ ↓', 'extend the range; with a mouse, Shift and a click'],
    ['L', 'lock or unlock the block'],
    ['→', 'show the sublayers of the block, then go to its lock'],
    ['←', 'go back to the block, then hide its sublayers'],
  ],
  singleKeys: 'Single keys run commands anywhere on the page',
  about: 'About',
  version: (version: string) => `Espalier ${version}, free software under the MIT licence.`,
  paper: 'The method follows',
  private:
    'The page asks no server for anything while it works; links leave it only when you open them.',
} as const;
