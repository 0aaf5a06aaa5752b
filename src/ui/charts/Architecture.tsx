// The model as a trunk with its blocks, sized by their bytes; removed ones are bypassed.

import { useId } from 'react';
import type { BlockSummary, ModelSummary } from '../../model/open/summary.ts';
import { listUnits } from '../../state/plan/unitWords.ts';
import { isRemoved } from '../../state/sublayers/selectors.ts';
import { sublayerUnit, type Unit, wholeBlocks } from '../../units.ts';
import { formatCount } from '../format.ts';
import { usePointing } from '../usePointing.ts';
import { useWidth } from '../useWidth.ts';
import css from './architecture.module.css';

interface Props {
  model: ModelSummary;
  removed: readonly Unit[];
  locked: readonly number[];
  hover: number | null;
}

const TOP = 34;
const TALLEST = 96;
const MIDDLE = TOP + TALLEST / 2;
/** Room for embedding and head, in px; text keeps its size at any width. */
const LEFT = 84;
const RIGHT = 98;

export function Architecture({ model, removed, locked, hover }: Props) {
  const ref = usePointing<SVGSVGElement>();
  const hatch = useId();
  const n = model.numBlocks;
  const width = useWidth(ref, 640);
  const pitch = Math.min(48, Math.max(1, width - LEFT - RIGHT) / Math.max(n, 1));
  const start = LEFT + Math.max(0, (width - LEFT - RIGHT - n * pitch) / 2);
  const most = Math.max(...model.blocks.map((block) => block.bytes), 1);
  const every = numberEvery(pitch);
  const label =
    `${n} blocks between embedding and head; ` +
    `${removed.length ? `without ${listUnits(removed)}` : 'none removed'}.`;
  return (
    <svg
      ref={ref}
      className={css.picture}
      viewBox={`0 0 ${width} 156`}
      height={156}
      role="img"
      aria-label={label}
      data-testid="architecture"
    >
      <defs>
        <pattern
          id={hatch}
          width="6"
          height="6"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect className={css.hatchGround} width="6" height="6" />
          <line className={css.hatch} x1="0" x2="0" y1="0" y2="6" />
        </pattern>
      </defs>
      <line className={css.trunk} x1="40" x2={width - 40} y1={MIDDLE} y2={MIDDLE} />
      <End
        x={6}
        width={72}
        title="embed"
        size={model.embedding.params ? formatCount(model.embedding.params) : 'outside'}
      />
      {model.blocks.map((block) => (
        <BlockColumn
          key={block.index}
          block={block}
          x={start + (block.index + 0.1) * pitch}
          pitch={pitch}
          height={Math.max(14, (block.bytes / most) * TALLEST)}
          attentionRemoved={isRemoved(removed, sublayerUnit(block.index, 'attn'))}
          feedForwardRemoved={isRemoved(removed, sublayerUnit(block.index, 'ffn'))}
          locked={locked.includes(block.index)}
          hover={hover === block.index}
          hatch={`url(#${hatch})`}
          numbered={block.index % every === 0}
        />
      ))}
      {runs(wholeBlocks(removed)).map(([from, to]) => {
        const a = start + from * pitch;
        const b = start + (to + 1) * pitch;
        return (
          <path
            key={from}
            className={css.bypass}
            d={`M${a} ${MIDDLE} C${a} 6 ${b} 6 ${b} ${MIDDLE}`}
          />
        );
      })}
      <End
        x={width - 88}
        width={82}
        title="norm, head"
        size={model.head.tied ? 'tied' : formatCount(model.head.params)}
      />
    </svg>
  );
}

function End({ x, width, title, size }: { x: number; width: number; title: string; size: string }) {
  return (
    <g>
      <rect className={css.end} x={x} y={MIDDLE - 31} width={width} height="62" rx="8" />
      <text className={css.label} x={x + width / 2} y={MIDDLE - 3} textAnchor="middle">
        {title}
      </text>
      <text className={css.small} x={x + width / 2} y={MIDDLE + 14} textAnchor="middle">
        {size}
      </text>
    </g>
  );
}

interface ColumnProps {
  block: BlockSummary;
  x: number;
  pitch: number;
  height: number;
  attentionRemoved: boolean;
  feedForwardRemoved: boolean;
  locked: boolean;
  hover: boolean;
  hatch: string;
  numbered: boolean;
}

function BlockColumn({
  block,
  x,
  pitch,
  height,
  attentionRemoved,
  feedForwardRemoved,
  locked,
  hover,
  hatch,
  numbered,
}: ColumnProps) {
  const w = pitch * 0.8;
  const y = MIDDLE - height / 2;
  const share = block.attention ? block.attention.bytes / Math.max(block.bytes, 1) : 0;
  const split = block.hasSublayers && share > 0;
  const attention = Math.max(5, height * share - 1.5);
  const rx = Math.min(5, w / 4);
  const look = (hatched: boolean) => ({
    'data-removed': hatched,
    style: hatched ? { fill: hatch } : {},
  });
  const removed = attentionRemoved && feedForwardRemoved;
  return (
    <g
      className={css.block}
      data-block={block.index}
      data-removed={removed || (!attentionRemoved && !feedForwardRemoved ? false : 'part')}
      data-hover={hover}
    >
      <rect className={css.hit} x={x - pitch * 0.1} y="8" width={pitch} height="144" rx="4" />
      {split && (
        <rect
          className={css.attention}
          {...look(attentionRemoved)}
          x={x}
          y={y}
          width={w}
          height={attention}
          rx={rx}
        />
      )}
      <rect
        className={css.feedForward}
        {...look(split ? feedForwardRemoved : removed)}
        x={x}
        y={split ? y + attention + 3 : y}
        width={w}
        height={split ? height - attention - 3 : height}
        rx={rx}
      />
      {numbered && (
        <text className={css.small} x={x + w / 2} y="147" textAnchor="middle">
          {block.index}
        </text>
      )}
      {locked && <circle className={css.lock} cx={x + w / 2} cy={TOP - 8} r="2.5" />}
    </g>
  );
}

/** Blocks from one number to the next, so that the numbers do not touch. */
function numberEvery(pitch: number): number {
  if (pitch >= 18) return 1;
  return pitch >= 5 ? 5 : 10;
}

/** Neighbouring removed blocks are bypassed together. */
function runs(removed: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const block of removed) {
    const last = found.at(-1);
    if (last && last[1] === block - 1) last[1] = block;
    else found.push([block, block]);
  }
  return found;
}
