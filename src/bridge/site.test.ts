// When the page is reloaded by itself, when it only offers it, and when it does nothing at all.

import { expect, test } from 'vitest';
import { connectSite } from './site.ts';

class FakeWorker extends EventTarget {
  readonly said: unknown[] = [];
  state = 'installed';
  postMessage(message: unknown): void {
    this.said.push(message);
  }
}

class FakeContainer extends EventTarget {
  controller: FakeWorker | null = null;
  registered: string[] = [];
  readonly registration = Object.assign(new EventTarget(), {
    active: null as FakeWorker | null,
    waiting: null as FakeWorker | null,
    installing: null as FakeWorker | null,
    update: async () => {},
  });
  refusal: Error | null = null;

  async register(url: URL): Promise<unknown> {
    this.registered.push(url.href);
    if (this.refusal) throw this.refusal;
    return this.registration;
  }

  takeControl(worker = new FakeWorker()): void {
    this.controller = worker;
    this.dispatchEvent(new Event('controllerchange'));
  }
}

interface Setting {
  isolated?: boolean;
  active?: boolean;
  cores?: number;
  untouched?: boolean;
  framed?: boolean;
  storage?: Map<string, string> | null;
}

function open(container: FakeContainer | undefined, setting: Setting = {}) {
  const { isolated = false, active = false, cores = 8, untouched = true, framed = false } = setting;
  const storage = setting.storage === undefined ? new Map<string, string>() : setting.storage;
  const events: string[] = [];
  const page = Object.assign(new EventTarget(), {
    navigator: {
      serviceWorker: container,
      hardwareConcurrency: cores,
      userActivation: { hasBeenActive: active },
    },
    document: Object.assign(new EventTarget(), {
      baseURI: 'https://host.example/espalier/index.html#plan=3',
      hidden: false,
    }),
    location: { reload: () => events.push('reloaded') },
    crossOriginIsolated: isolated,
    setTimeout: () => 0,
    sessionStorage: {
      getItem(key: string) {
        if (!storage) throw new Error('storage is refused');
        return storage.get(key) ?? null;
      },
      setItem: (key: string, value: string) => storage?.set(key, value),
    },
  });
  const window = Object.assign(page, { self: page, top: framed ? {} : page });
  const link = connectSite(window as unknown as Window, {
    updateReady: () => events.push('update ready'),
    threadsAfterReload: () => events.push('threads after a reload'),
    untouched: () => untouched,
  });
  return { events, link, page };
}

const first = async (setting: Setting) => {
  const container = new FakeContainer();
  const { events, link, page } = open(container, setting);
  await link;
  container.takeControl();
  return { events, container, page };
};

test('a first visit that nobody has touched is reloaded once, at its own address', async () => {
  const storage = new Map<string, string>();
  const { events, container } = await first({ storage });
  expect(container.registered).toEqual(['https://host.example/espalier/sw.js']);
  expect(events).toEqual(['reloaded']);
  // Whatever the reload led to, there is no second one in this tab.
  expect((await first({ storage })).events).toEqual(['threads after a reload']);
});

test('a page in use, or that cannot remember the reload, only offers it', async () => {
  for (const setting of [{ active: true }, { untouched: false }, { storage: null }])
    expect((await first(setting)).events).toEqual(['threads after a reload']);
  const container = new FakeContainer();
  const { events, link, page } = open(container);
  await link;
  page.dispatchEvent(new Event('dragover'));
  container.takeControl();
  expect(events).toEqual(['threads after a reload']);
});

test('nothing happens where the host isolates the page, with one core, or in a frame', async () => {
  for (const setting of [{ isolated: true }, { cores: 1 }, { framed: true }])
    expect((await first(setting)).events).toEqual([]);
});

test('nothing happens without service workers, or where they are refused', async () => {
  const without = open(undefined);
  expect(await without.link).toBeNull();
  const container = new FakeContainer();
  container.refusal = new Error('The operation is insecure.');
  const refused = open(container);
  expect(await refused.link).toBeNull();
  expect([...without.events, ...refused.events]).toEqual([]);
});

test('a page that was reloaded past the service worker offers the reload', async () => {
  const container = new FakeContainer();
  container.registration.active = new FakeWorker();
  const { events, link } = open(container);
  await link;
  expect(events).toEqual(['threads after a reload']);
});

test('a new version is offered once it is installed, and takes over on request', async () => {
  const container = new FakeContainer();
  container.controller = new FakeWorker();
  container.registration.active = container.controller;
  const { events, link } = open(container, { isolated: true });
  const site = await link;
  expect(container.controller.said).toEqual([{ kind: 'hello' }]);
  const fresh = new FakeWorker();
  fresh.state = 'installing';
  container.registration.installing = fresh;
  container.registration.dispatchEvent(new Event('updatefound'));
  fresh.dispatchEvent(new Event('statechange'));
  expect(events).toEqual([]);
  fresh.state = 'installed';
  container.registration.waiting = fresh;
  fresh.dispatchEvent(new Event('statechange'));
  expect(events).toEqual(['update ready']);
  site?.reload();
  expect(fresh.said).toEqual([{ kind: 'activate' }]);
  expect(events).toEqual(['update ready']);
  container.takeControl(fresh);
  expect(events).toEqual(['update ready', 'reloaded']);
});

test('another tab that takes the new version leaves this page as it is', async () => {
  const container = new FakeContainer();
  container.controller = new FakeWorker();
  const { events, link } = open(container, { isolated: true });
  await link;
  container.takeControl();
  expect(events).toEqual(['update ready']);
});
