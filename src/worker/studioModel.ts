// The model that the studio has open: its files, its tokenizer, its identity, and the windows that
// its texts give.

import type { EvaluateRequest } from '../contract/evaluate.ts';
import type { FolderSource } from '../contract/open.ts';
import type { ScoreSettings } from '../contract/score.ts';
import { toReport } from '../errors.ts';
import { type Identity, identify } from '../model/export/identity.ts';
import type { ExportDtype } from '../model/export/steps.ts';
import { needsFloats } from '../model/open/made.ts';
import { type OpenedModel, openModel } from '../model/open/open.ts';
import {
  type Calibration,
  type CalibrationText,
  calibrate,
  folderTokenizer,
} from '../runtime/score/calibration.ts';
import { verifyTokens } from '../runtime/verify/verify.ts';
import { spreadIds } from '../spreadIds.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { folderOf } from './folderOf.ts';

/** Texts that come with the page. */
export type BundledText = 'calibration' | 'evaluation';

interface NamedText {
  name: string;
  text: string;
}

export class StudioModel {
  readonly opened: OpenedModel;
  readonly source: FolderSource;
  private readonly bundledText: (which: BundledText) => Promise<string>;
  private known: Promise<Identity> | null = null;
  private tokenizers: Promise<Tokenizer> | null = null;
  private floats: Promise<OpenedModel> | null = null;

  constructor(
    opened: OpenedModel,
    source: FolderSource,
    bundledText: (which: BundledText) => Promise<string>,
  ) {
    this.opened = opened;
    this.source = source;
    this.bundledText = bundledText;
  }

  /** Read once: the files of an open model do not change; changed files can no longer be read. */
  identity(): Promise<Identity> {
    this.known ??= identify(this.opened, this.opened.structure.model);
    this.known.catch(() => {
      this.known = null;
    });
    return this.known;
  }

  /**
   * The model that precisions of one folder are made from: with float32 matrices where they need
   * those. @throws EspalierError as `openModel`
   */
  async openedFor(dtypes: readonly (ExportDtype | null)[]): Promise<OpenedModel> {
    if (!needsFloats(this.opened.summary, dtypes)) return this.opened;
    this.floats ??= folderOf(this.source).then((folder) =>
      openModel(folder, this.opened.graphPath, true),
    );
    this.floats.catch(() => {
      this.floats = null;
    });
    return this.floats;
  }

  /** @throws EspalierError `tokenizer` when there is none or it cannot be used */
  tokenizer(): Promise<Tokenizer> {
    this.tokenizers ??= folderTokenizer(this.opened.root.folder, this.opened.summary.problems);
    this.tokenizers.catch(() => {
      this.tokenizers = null;
    });
    return this.tokenizers;
  }

  /** The calibration windows of these settings. @throws EspalierError as `calibrate` */
  async calibration(settings: ScoreSettings, signal: AbortSignal): Promise<Calibration> {
    return calibrate(
      await this.textOf(settings),
      settings,
      () => this.tokenizer(),
      this.opened.summary,
      signal,
    );
  }

  private async textOf({ text }: ScoreSettings): Promise<CalibrationText> {
    if (text.kind === 'ids') return { name: text.name, windows: text.windows };
    return text.kind === 'text'
      ? text
      : { name: 'bundled', text: await this.bundledText('calibration') };
  }

  /** The text that a perplexity is evaluated on. */
  async evaluationText({ text }: Pick<EvaluateRequest, 'text'>): Promise<NamedText> {
    return text.kind === 'text'
      ? text
      : { name: 'evaluation.txt', text: await this.bundledText('evaluation') };
  }

  /**
   * Token ids that an export is verified on: a window of the bundled text, or spread ids when the
   * model has no usable tokenizer.
   */
  async verifyWindow(signal: AbortSignal): Promise<number[]> {
    const settings: ScoreSettings = {
      text: { kind: 'bundled' },
      samples: 1,
      length: verifyTokens(this.opened.summary),
      sampler: 'even',
      seed: 0,
      bos: null,
      device: 'auto',
    };
    try {
      return (await this.calibration(settings, signal)).windows[0] ?? [];
    } catch (error) {
      if (toReport(error).code !== 'tokenizer') throw error;
      return spreadIds(settings.length, this.opened.summary.vocabSize);
    }
  }
}
