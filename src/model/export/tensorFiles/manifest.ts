// Plans an export as the tensor files that the model came in: headers anew, tensors as byte ranges
// of the source, healed ones as derived bytes, and what the folder has beside them.

import { EspalierError } from '../../../errors.ts';
import type { TensorFormat } from '../../../tensors/tensorFiles.ts';
import type { KitFile } from '../../interop/kit/kit.ts';
import { withinTop } from '../../open/root.ts';
import type { Removal } from '../../structure/removal.ts';
import { configFiles, provenanceOf, readmePath } from '../beside.ts';
import { architectureOf } from '../facts.ts';
import { sortFiles } from '../files.ts';
import { copy, encode, whole } from '../graphFiles.ts';
import { PROVENANCE_FILE, writeProvenance } from '../provenance.ts';
import { exportReadme } from '../readme.ts';
import type { ExportOptions, ExportSource, Manifest } from '../request.ts';
import type { StepChoice } from '../steps.ts';
import { loaderOf } from '../usage.ts';
import { storedChanges } from './changes.ts';
import { checkpointObstacle } from './config.ts';
import { prunedGguf } from './gguf.ts';
import { prunedSafetensors } from './safetensors.ts';
import { tensorPaths, type WriteTensorFiles } from './types.ts';

const WRITERS: Readonly<Record<TensorFormat, WriteTensorFiles>> = {
  safetensors: prunedSafetensors,
  gguf: prunedGguf,
};

/**
 * @param removal of whole blocks
 * @param steps removal first; a healing at most besides
 * @throws EspalierError as `storedChanges` and the writer of the format
 */
export async function tensorFilesManifest(
  opened: ExportSource,
  removal: Removal,
  format: TensorFormat,
  steps: readonly StepChoice[],
  options: ExportOptions,
): Promise<Manifest> {
  const { folder, root, config } = opened;
  const tensorSource = opened.tensorSource ?? missing();
  const { changed, remarks: ofChanges } = storedChanges({ ...opened, tensorSource }, steps);
  const keep = removal.remaining.map(({ block }) => block);
  const blocks = removal.before.length;
  const obstacle = checkpointObstacle(config, blocks, keep);
  if (format === 'safetensors' && obstacle !== null)
    throw new EspalierError('bad-input', obstacle, 'Write the model as ONNX.');
  const written = WRITERS[format]({ ...opened, tensorSource }, keep, changed);
  const { files: configs, remarks: ofConfigs } = await configFiles(opened, removal, null);
  const readme = await readmePath(folder, root);
  const { copied, leftOut } = await sortFiles(
    folder,
    root,
    new Set([...root.configs, ...tensorPaths(tensorSource.files), root.top + readme]),
  );
  const remarks = [...written.remarks, ...ofChanges, ...ofConfigs];
  const provenance = await provenanceOf(opened, removal, format, steps, [], options);
  const loading = { graph: written.main, architecture: architectureOf(config.raw.config) };
  const text = exportReadme({
    provenance,
    removal,
    steps,
    fewBits: false,
    others: [],
    also: [],
    components: [],
    ...loading,
    embeddings: null,
    branch: null,
    leftOut: [],
    layout: loaderOf(() => true, written.main),
    genai: null,
    remarks,
    retyped: null,
  });
  const files = [
    ...written.files,
    ...configs,
    // What was made when the files were opened is in them.
    ...copied
      .filter(({ path }) => !folder.made?.(path))
      .map((file) => copy(file, withinTop(root, file.path))),
    whole(PROVENANCE_FILE, encode(writeProvenance(provenance))),
    whole(readme, encode(text)),
  ];
  return { format, files, graph: written.main, also: [], loading, leftOut, remarks, provenance };
}

/** The export with the kit for continued pretraining beside its checkpoint in safetensors. */
export const withKit = (manifest: Manifest, kit: readonly KitFile[]): Manifest => ({
  ...manifest,
  files: [...manifest.files, ...kit.map((file) => whole(file.path, encode(file.text)))],
});

function missing(): never {
  throw new EspalierError('bug', 'The tensor files of the model are not known.');
}
