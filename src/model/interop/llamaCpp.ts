// What llama.cpp makes of a GGUF file that `llama-quantize --prune-layers` wrote: a table by
// family. Read in llama.cpp at 0c1e570 (1 October 2026), file names below.
//
// llama-quantize renames the tensors of the blocks that stay and sets `block_count`; every other
// key of the metadata stays as it is (src/llama-quant.cpp). So
// * what llama.cpp decides by the position of a block is decided anew (load_swa_pattern and
//   set_swa_pattern of src/llama-hparams.cpp, rotary positions in src/models/*.cpp);
// * a list of booleans is read from its start, however long it is (get_arr), and is another one;
// * a list of numbers must have as many entries as there are blocks (get_key_or_arr), else the file
//   is refused;
// * what follows from the number of blocks (27B, 32B) changes with it.

import type { DeclaredBlocks } from './declared.ts';
import { isRecurrent, isSliding } from './declared.ts';
import { ggufRepair } from './ggufRepair.ts';
import { NOTHING_TO_SAY, ofKept, type Plan, type Remarks, sameList } from './remarks.ts';

interface Row {
  /** Name of the architecture in GGUF keys. */
  arch: string;
  /**
   * Which blocks slide: by a period (the last of each has full attention) unless the file holds a
   * list, or by the list that the converter writes.
   */
  slides?: { period: number } | 'list';
  /** Every nth block has no rotary positions, and no key of the file changes that. */
  noRopeEvery?: number;
  /** Linear attention or none: by a list that the converter writes, else by a period. */
  recurrent?: 'list';
  /** Lists with one number for each block, which the file is refused for when they are longer. */
  numberLists?: (declared: DeclaredBlocks) => string | null;
  /** Field of the config behind `leading_dense_block_count`. */
  dense?: string;
  /** Fields of the config that give every nth block experts, and no list does. */
  expertsEvery?: string;
  /** Why no file can be right, or null. */
  never?: (plan: Plan) => string | null;
}

const headCounts = (): string => 'attention.head_count_kv';

/** Tables of per-layer inputs hold a slice for each block, and llama.cpp cuts none. */
const perLayerInputs = ({ declared }: Plan): string | null =>
  (declared.numbers.hidden_size_per_layer_input ?? 0) > 0
    ? 'The tables of per-layer inputs hold a slice for each block of the original, and ' +
      'llama-quantize does not cut them: llama.cpp refuses the pruned file.'
    : null;

/** Gemma 2 and 3 27B scale their queries by another width than that of a head. */
const scaledByCount =
  (count: number) =>
  ({ declared, n, keep }: Plan): string | null => {
    const { query_pre_attn_scalar: scale, head_dim: width } = declared.numbers;
    if (n !== count && keep.length !== count) return null;
    if (n === count && scale !== undefined && scale === width) return null;
    return (
      `llama.cpp takes the scale of the attention from the number of blocks (${count} means ` +
      '27B), and no key of the file changes it: with another number the scores are scaled wrongly.'
    );
  };

/** DeepSeek V2 Lite and its kin have no query compression, which is known by their block count. */
const liteByCount = ({ declared, n, keep }: Plan): string | null =>
  (n === 26 || n === 27) &&
  keep.length !== 26 &&
  keep.length !== 27 &&
  !declared.numbers.q_lora_rank
    ? 'llama.cpp knows the lite models of this family by their number of blocks (26 or 27) and ' +
      'refuses the file with another number, as it then asks for attention.q_lora_rank.'
    : null;

const slidingByCount = ({ declared, n }: Plan): string | null =>
  declared.kinds?.some(isSliding) || n === 64
    ? 'llama.cpp gives this family sliding attention only when it has exactly 64 blocks, and ' +
      'rotary positions in every block otherwise.'
    : null;

const ROWS: Readonly<Record<string, Row>> = {
  gemma2: { arch: 'gemma2', slides: { period: 2 }, never: scaledByCount(46) },
  gemma3: { arch: 'gemma3', slides: { period: 6 }, never: scaledByCount(62) },
  gemma3n: { arch: 'gemma3n', slides: 'list', never: gemma3n },
  gemma4: gemma4(),
  gemma4unified: gemma4(),
  gptoss: { arch: 'gpt-oss', slides: { period: 2 } },
  cohere2: { arch: 'cohere2', slides: { period: 4 } },
  cohere2moe: { arch: 'cohere2moe', slides: 'list', dense: 'first_k_dense_replace' },
  olmo3: { arch: 'olmo2', slides: 'list' },
  exaone4: { arch: 'exaone4', never: slidingByCount },
  llama4: {
    arch: 'llama4',
    slides: { period: 4 },
    noRopeEvery: 4,
    expertsEvery: 'interleave_moe_layer_step',
  },
  smollm3: { arch: 'smollm3', noRopeEvery: 4 },
  lfm2: { arch: 'lfm2', numberLists: headCounts },
  lfm2moe: { arch: 'lfm2moe', numberLists: headCounts, dense: 'num_dense_layers' },
  granitemoehybrid: { arch: 'granitehybrid', numberLists: headCounts },
  bamba: { arch: 'granitehybrid', numberLists: headCounts },
  jamba: { arch: 'jamba', numberLists: headCounts },
  nemotronh: {
    arch: 'nemotron_h',
    numberLists: () => 'attention.head_count_kv and feed_forward_length',
  },
  qwen35: { arch: 'qwen35', recurrent: 'list' },
  qwen35moe: { arch: 'qwen35moe', recurrent: 'list' },
  qwen3next: { arch: 'qwen3next', recurrent: 'list' },
  apertus: { arch: 'apertus', numberLists: () => 'xielu.alpha_n and its kin' },
  deepseek: { arch: 'deepseek', dense: 'first_k_dense_replace' },
  deepseekv2: { arch: 'deepseek2', dense: 'first_k_dense_replace', never: liteByCount },
  deepseekv3: { arch: 'deepseek2', dense: 'first_k_dense_replace', never: liteByCount },
  dots1: { arch: 'dots1', dense: 'first_k_dense_replace' },
  glm4moe: { arch: 'glm4moe', dense: 'first_k_dense_replace' },
  ernie45moe: {
    arch: 'ernie4_5-moe',
    dense: 'moe_layer_start_index',
    expertsEvery: 'moe_layer_interval',
  },
  baichuan: {
    arch: 'baichuan',
    never: () =>
      'llama.cpp knows the kind of positions of this family by its number of blocks (32 or 40) ' +
      'and stops with another number.',
  },
};

/** Families whose blocks are alike to llama.cpp: nothing in their files goes by position. */
const ALIKE = new Set(
  (
    'llama mistral mixtral qwen2 qwen2moe qwen3 qwen3moe phi phi3 phimoe gemma gpt2 gptneox ' +
    'bloom falcon falconh1 mpt stablelm starcoder2 cohere olmo olmo2 olmoe granite granitemoe ' +
    'hunyuanv1dense ernie45 nemotron ministral3 mistral3 internlm2 glm glm4 exaone arcee seedoss ' +
    'qwen2vl qwen25vl qwen3vl'
  ).split(' '),
);

/** Families for which llama.cpp has no converter. */
const UNKNOWN_TO_IT = new Set('opt gptneo gptj codegen xglm zamba zamba2 minimax'.split(' '));

/** What a file of the blocks that stay needs so that llama.cpp computes the same with each. */
export interface GgufRemoval {
  /** Why no file can say it, or null. */
  obstacle: string | null;
  /** Values by key: lists hold one for each block that stays. */
  set: Readonly<Record<string, readonly boolean[] | number>>;
}

/** What the metadata of a pruned file say beyond the number of blocks and shorter lists. */
export function ggufRemoval(plan: Plan): GgufRemoval {
  const row = ROWS[plan.declared.family];
  if (!row || plan.keep.length === plan.n) return { obstacle: null, set: {} };
  const set: Record<string, readonly boolean[] | number> = {};
  remarksOf(row, plan, [], set);
  return { obstacle: row.never?.(plan) ?? unrepairable(row, plan), set };
}

/** What llama.cpp makes of the file that the command for this plan writes. */
export function llamaCppRemarks(plan: Plan): Remarks {
  const { declared, n, keep } = plan;
  if (keep.length === n) return NOTHING_TO_SAY;
  const withheld = (reason: string): Remarks => ({
    ...NOTHING_TO_SAY,
    withheld: `${reason} Use the exported ONNX folder.`,
  });
  if (UNKNOWN_TO_IT.has(declared.family))
    return withheld(`llama.cpp has no converter for models of the type ${declared.family}.`);
  const row = ROWS[declared.family];
  if (!row) return ALIKE.has(declared.family) ? NOTHING_TO_SAY : unchecked(declared.family);
  const { obstacle, set } = ggufRemoval(plan);
  if (obstacle !== null) return withheld(obstacle);

  const warnings: string[] = [];
  remarksOf(row, plan, warnings, {});
  if (warnings.length === 0) return NOTHING_TO_SAY;
  warnings.push(
    'The script below repairs the pruned file with the gguf package; gguf_set_metadata.py of ' +
      'llama.cpp cannot write lists.',
  );
  return { warnings, withheld: null, repair: ggufRepair(row.arch, n, keep, set) };
}

function remarksOf(
  row: Row,
  plan: Plan,
  warnings: string[],
  set: Record<string, readonly boolean[] | number>,
): void {
  slidingRemark(row, plan, warnings, set);
  recurrentRemark(row, plan, warnings, set);
  const refused = row.numberLists?.(plan.declared) ?? null;
  if (refused !== null)
    warnings.push(
      `The metadata of the file hold one number for each of the ${plan.n} blocks (${refused}), ` +
        'and llama-quantize does not shorten such lists: llama.cpp refuses the pruned file ' +
        '("wrong array length") until they are cut.',
    );
  countRemark(row, plan, warnings, set);
}

function unchecked(family: string): Remarks {
  const name = family === 'unknown' ? 'a model of unknown type' : `models of the type ${family}`;
  return {
    ...NOTHING_TO_SAY,
    warnings: [
      `Whether llama.cpp decides anything of ${name} by the position of a block was not checked: ` +
        'compare its perplexity with that of the exported ONNX folder.',
    ],
  };
}

/** Kinds that llama.cpp takes from positions in the code, where they no longer fit. */
function unrepairable(
  { noRopeEvery, expertsEvery }: Row,
  { declared, n, keep }: Plan,
): string | null {
  if (noRopeEvery !== undefined) {
    const rotary = declared.rotary ?? periodic(n, noRopeEvery);
    if (!sameList(ofKept(rotary, keep), periodic(keep.length, noRopeEvery)))
      return (
        `llama.cpp leaves every ${nth(noRopeEvery)} block without rotary positions, counted in ` +
        'the pruned file, and no key of the file changes that. After this plan other blocks ' +
        'stand there, so it would be another model.'
      );
  }
  const step = expertsEvery === undefined ? 1 : (declared.numbers[expertsEvery] ?? 1);
  if (step > 1) {
    const experts = periodic(n, step).map((dense) => !dense);
    if (
      !sameList(
        ofKept(experts, keep),
        periodic(keep.length, step).map((dense) => !dense),
      )
    )
      return (
        `llama.cpp expects experts in every ${nth(step)} block, counted in the pruned file, and ` +
        'refuses the file of this plan, in which they are elsewhere.'
      );
  }
  return null;
}

function slidingRemark(
  { arch, slides }: Row,
  { declared, n, keep }: Plan,
  warnings: string[],
  set: Record<string, readonly boolean[] | number>,
): void {
  if (slides === undefined) return;
  const key = `${arch}.attention.sliding_window_pattern`;
  if (declared.kinds === null) {
    warnings.push(
      'llama.cpp goes by the position of a block to tell which ones have sliding attention, and ' +
        `the configs here do not say which do: check ${key} of the pruned file against the ` +
        'original.',
    );
    return;
  }
  const all = declared.kinds.map(isSliding);
  const right = ofKept(all, keep);
  // A list that the converter wrote is read from its start; the code's period begins anew.
  const read = slides === 'list' ? all.slice(0, keep.length) : periodic(keep.length, slides.period);
  // The repair writes it in any case: a file that needs it for another reason keeps its kinds.
  set[key] = right;
  if (sameList(read, right)) return;
  warnings.push(
    (slides === 'list'
      ? `llama.cpp reads which of the ${n} blocks slide from the start of a list that ` +
        'llama-quantize leaves as it was'
      : `llama.cpp decides by position which blocks slide: every ${nth(slides.period)} does not`) +
      `. The pruned file is another model until ${key} is a list of booleans for the blocks that ` +
      'stay.',
  );
}

function recurrentRemark(
  { arch, recurrent }: Row,
  { declared, keep }: Plan,
  warnings: string[],
  set: Record<string, readonly boolean[] | number>,
): void {
  if (recurrent === undefined) return;
  const key = `${arch}.attention.recurrent_layers`;
  if (declared.kinds) set[key] = ofKept(declared.kinds, keep).map(isRecurrent);
  warnings.push(
    `Which blocks have linear attention stands in ${key}, one entry for each block, or follows ` +
      'from the position where a file has no such key. llama-quantize leaves it as it was: ' +
      'llama.cpp refuses the pruned file, or looks for tensors that are not there.',
  );
}

function countRemark(
  { arch, dense }: Row,
  { declared, n, keep }: Plan,
  warnings: string[],
  set: Record<string, readonly boolean[] | number>,
): void {
  const leading = dense === undefined ? 0 : (declared.leading[dense] ?? 0);
  const denseLeft = keep.filter((i) => i < leading).length;
  if (denseLeft < leading) {
    const key = `${arch}.leading_dense_block_count`;
    set[key] = denseLeft;
    warnings.push(
      `The first ${leading} blocks have no experts, of which ${denseLeft} stay: llama.cpp ` +
        `refuses the pruned file until ${key} is ${denseLeft}.`,
    );
  }
  const borrowers = declared.trailing.num_kv_shared_layers ?? 0;
  const left = keep.filter((i) => i >= n - borrowers).length;
  if (left < borrowers) {
    const key = `${arch}.attention.shared_kv_layers`;
    set[key] = left;
    warnings.push(
      `The last ${borrowers} blocks borrow the cache of an earlier one, of which ${left} stay: ` +
        `the pruned file is another model until ${key} is ${left}.`,
    );
  }
}

function gemma3n(plan: Plan): string | null {
  return (
    perLayerInputs(plan) ??
    'llama.cpp lets the blocks from the twentieth on borrow the cache of an earlier one, and no ' +
      'key of the file changes that.'
  );
}

function gemma4(): Row {
  return {
    arch: 'gemma4',
    slides: 'list',
    numberLists: ({ numbers }) => (numbers.num_global_key_value_heads ? headCounts() : null),
    never: perLayerInputs,
  };
}

/** True for every block but the last of each period. */
function periodic(n: number, period: number): boolean[] {
  return Array.from({ length: n }, (_, i) => (i + 1) % period !== 0);
}

function nth(n: number): string {
  const words = ['', 'single', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth'];
  return words[n] ?? `${n}th`;
}
