export interface Served {
  url: string;
  bytesSent(): number;
  close(): Promise<void>;
}
export function serve(
  root: string,
  options?: { port?: number; base?: string; headers?: Record<string, string> },
): Promise<Served>;
