export function canOpenBrowser(machine: {
  platform: string;
  env: Readonly<Record<string, string | undefined>>;
  isThere(path: string): boolean;
}): boolean;
