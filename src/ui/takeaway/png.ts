// An SVG as a PNG of twice its size in pixels.

import { EspalierError } from '../../errors.ts';
import { takenWords } from '../../words/takeaway/files.ts';

const SCALE = 2;

/** @throws EspalierError `bug` when the browser cannot draw it */
export async function pngOf(svg: { text: string; width: number; height: number }): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg.text], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = svg.width * SCALE;
    canvas.height = svg.height * SCALE;
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
    if (blob) return blob;
  } finally {
    URL.revokeObjectURL(url);
  }
  throw new EspalierError('bug', takenWords.noCanvas, '');
}
