// Why there is no GPU to measure, and what to look at, from what this machine has.

import { existsSync, readdirSync } from 'node:fs';

/** What was looked for on a Linux machine. */
export interface Found {
  /** What loading the WebGPU addon says; null when it loads. */
  addon: string | null;
  /** Vulkan's loader, libvulkan.so.1. */
  loader: boolean;
  /** Files that name Vulkan drivers. */
  drivers: string[];
  /** Nodes of graphics devices in /dev. */
  nodes: string[];
}

const LIBRARIES = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/lib64',
  '/usr/local/lib',
];
const DRIVERS = [
  '/usr/share/vulkan/icd.d',
  '/etc/vulkan/icd.d',
  '/usr/local/share/vulkan/icd.d',
  '/usr/local/etc/vulkan/icd.d',
];

export async function lookAround(env: NodeJS.ProcessEnv = process.env): Promise<Found> {
  const paths = [...LIBRARIES, ...(env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean)];
  const named = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  return {
    addon: await import('webgpu').then(
      () => null,
      (error: unknown) => String(error),
    ),
    loader: paths.some((path) => existsSync(`${path}/libvulkan.so.1`)),
    drivers: named ? named.split(':').filter(existsSync) : DRIVERS.flatMap(listed),
    nodes: [
      ...listed('/dev/dri').filter((path) => path.includes('render')),
      ...listed('/dev').filter((path) => /\/nvidia\d+$/.test(path)),
    ],
  };
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

/** One sentence, and what to check. */
export function noAdapterWords({ addon, loader, drivers, nodes }: Found): string {
  const what = 'WebGPU finds no adapter on this machine, so nothing was measured.';
  if (addon !== null)
    return (
      `${what} The WebGPU addon cannot be loaded (${addon}): it needs Linux x64 with glibc 2.34 ` +
      'or newer.'
    );
  const steps = [
    loader
      ? 'The Vulkan loader (libvulkan.so.1) is there.'
      : 'Install the Vulkan loader: libvulkan.so.1 is in none of the usual folders (package ' +
        'libvulkan1 or vulkan-loader).',
    drivers.length > 0
      ? `Vulkan drivers that are named: ${drivers.join(', ')}; see that the one of this GPU is ` +
        'among them and its library is there.'
      : 'Install the Vulkan driver of the GPU: no file in /usr/share/vulkan/icd.d or ' +
        '/etc/vulkan/icd.d names one. In a container, NVIDIA needs its "graphics" capability ' +
        '(NVIDIA_DRIVER_CAPABILITIES=all).',
    nodes.length > 0
      ? `Devices: ${nodes.join(', ')}; see that this user may open them (groups video and render).`
      : 'There is no graphics device in /dev (/dev/dri/renderD*, /dev/nvidia*): pass the GPU ' +
        'into the container, or load its kernel module.',
  ];
  return [what, ...steps.map((step) => `* ${step}`)].join('\n');
}
