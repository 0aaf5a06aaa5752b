// What a healing is given: the opened model, its session, and texts that have been read.

import type { HealEvent, HealSettings, HealText } from '../../contract/heal.ts';
import type { HealedQuantised } from '../../model/healing/healedGraph.ts';
import type { OpenedModel } from '../../model/open/open.ts';
import type { Unit } from '../../units.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import type { Gate } from '../pass/gate.ts';
import type { ScoreSession } from '../score/session.ts';

/** The texts of a request, the bundled ones read. */
export interface HealSources {
  text: Exclude<HealText, { kind: 'bundled' }>;
  /** Share of the text that the healing does not see; 0 = none. */
  heldOut: number;
  /** Another text to measure on; null = none. */
  foreign: { name: string; text: string } | null;
}

export interface HealJob {
  opened: OpenedModel;
  /** Of this model; its budget is the healing's. */
  session: ScoreSession;
  /** Empty: the original is trained, as a control. */
  removed: readonly Unit[];
  /** One after the other. */
  methods: readonly HealSettings[];
  sources: HealSources;
  /** What becomes of changed matrices of integers where the outcome is measured; by default again. */
  quantised?: HealedQuantised | undefined;
  /** Cancels: nothing comes of the healing. */
  signal?: AbortSignal | undefined;
  /** Ends a training early: its best state so far is the result. */
  stop?: AbortSignal | undefined;
  /** Holds the healing between two runs. */
  gate?: Gate | undefined;
  /** Where a training is written down; an interrupted run of it goes on from there. */
  store?: CheckpointStore | undefined;
  onEvent(event: HealEvent): void;
}
