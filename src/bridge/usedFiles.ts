// Which files a thread has fetched. A visit that begins without the service worker ends with all
// that it used kept for offline use, as any other: the page asks its workers and passes it on.

const CHANNEL = 'espalier used files';

const supported = typeof BroadcastChannel !== 'undefined' && 'PerformanceObserver' in globalThis;

/** Calls `tell` with the addresses that this thread has fetched and will fetch. */
function observe(tell: (urls: string[]) => void): void {
  new PerformanceObserver((list) => tell(list.getEntries().map(({ name }) => name))).observe({
    type: 'resource',
    buffered: true,
  });
}

/** In a worker: answers once it is asked for. */
export function tellUsedFiles(): void {
  if (!supported) return;
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (data !== 'ask') return;
    channel.onmessage = null;
    observe((urls) => channel.postMessage(urls));
  };
}

/** On the page: the files of this thread and of all workers that are there, from now on. */
export function followUsedFiles(tell: (urls: string[]) => void): void {
  if (!supported) return;
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (Array.isArray(data)) tell(data.filter((url) => typeof url === 'string'));
  };
  channel.postMessage('ask');
  observe(tell);
}
