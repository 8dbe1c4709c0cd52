// @ts-check
/**
 * Keeps the page for use without a network, one whole release at a time. The build lists the files of a release with their
 * hashes in `release.json`, and puts the hash of that list into this script (`crates/xtask/src/dist/list.rs`), so that each
 * release comes with a script of its own.
 *
 * A release is kept under its id, and used from when its list lies beside its files: that is written last, after the hash of
 * each file was right. What a tab was opened with it goes on with: which release that is, is written down for each tab, and a
 * release is thrown away when no tab uses it. A new release waits until somebody asks for it or all tabs are closed.
 *
 * Nothing else is stored. Files shared with the app stay in memory until the page takes them.
 */

/** @typedef {{ path: string, bytes: number, sha256: string }} ReleaseFile */
/** @typedef {{ id: string, files: ReleaseFile[] }} Release */

/** Why a release is not kept; the page has the words. @typedef {{ code: 'unbuilt' | 'mixed' | 'unreachable' | 'quota' | 'refused', detail?: string }} Reason */

/** What the page asks. @typedef {{ type: 'accept' } | { type: 'kept' } | { type: 'shared', ticket: string }} Question */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** The release that this script keeps and opens tabs with: its id, once it is built. */
const RELEASE = 'RELEASE_ID';

const SCOPE = worker.registration.scope;

/** Other installations may share this origin, and with it the names of caches. */
const PREFIX = `mobilenet-lung ${new URL(SCOPE).pathname} `;

/** Which release each tab was opened with. */
const CLIENTS = `${PREFIX}clients`;

const LIST = addressOf('release.json');

/** What only a shop window for apps shows, and what nobody needs without a network: the source, and the licences of others in all their words. */
const NOT_KEPT = /^screenshots\/|^THIRD-PARTY\.txt$|^source\.tar\.gz$/;

/** How many files are fetched at a time. */
const LANES = 4;

/** A tab that is just being opened is not among the clients yet, in milliseconds. */
const OPENING = 10_000;

/** How long a shared file waits for the page that was opened for it, in milliseconds. */
const SHARE_LIMIT = 60_000;

/** @type {Map<string, string>} */
const opened = new Map();

/** Releases found to be complete. @type {Set<string>} */
const whole = new Set();

/** @type {Map<string, File[]>} */
const shared = new Map();

/** The download that is under way. @type {Promise<void> | undefined} */
let keeping;

/** Whether tabs opened without this worker have the files of this release. */
let mayClaim = false;

worker.addEventListener('install', (event) => {
  event.waitUntil(
    keep().catch(async (thrown) => {
      await tell(reasonOf(thrown));
      throw thrown;
    }),
  );
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(mayClaim ? claim().then(tidy) : tidy());
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const [address] = request.url.split(/[?#]/, 1);
  if (!address.startsWith(SCOPE)) return;
  const path = address.slice(SCOPE.length);
  if (request.method === 'POST' && path === 'share') event.respondWith(takeShared(request));
  else if (request.method === 'GET' && address !== LIST) event.respondWith(answer(event, address));
});

worker.addEventListener('message', (event) => {
  const question = /** @type {Question} */ (event.data);
  const [port] = event.ports;
  if (question.type === 'accept') event.waitUntil(worker.skipWaiting());
  else if (question.type === 'kept')
    event.waitUntil(
      keep().then(
        () => (port.postMessage(null), tidy()),
        (thrown) => port.postMessage(reasonOf(thrown)),
      ),
    );
  else if (question.type === 'shared') {
    port.postMessage(shared.get(question.ticket) ?? []);
    shared.delete(question.ticket);
  }
});

/** Has the whole release in its cache, or throws a `Reason` and leaves nothing. */
function keep() {
  keeping ??= keepOnce().finally(() => (keeping = undefined));
  return keeping;
}

async function keepOnce() {
  // Somebody may have emptied the browser's storage since.
  whole.delete(RELEASE);
  if (await isWhole(RELEASE)) return;
  if (!/^[0-9a-f]{64}$/.test(RELEASE)) throw reason('unbuilt');
  const first = !worker.registration.active;
  // An interrupted download may have left something.
  await caches.delete(PREFIX + RELEASE);
  try {
    const cache = await caches.open(PREFIX + RELEASE);
    const { release, fresh } = await fill(cache);
    mayClaim = first && fresh;
    await cache.put(LIST, new Response(JSON.stringify(release)));
  } catch (thrown) {
    await caches.delete(PREFIX + RELEASE);
    throw thrown;
  }
}

/**
 * Puts every file of the release into the cache. `fresh` says whether all that the browser had of it already was of this release.
 * @param {Cache} cache
 */
async function fill(cache) {
  const release = await currentList();
  const files = release.files.filter(({ path }) => !NOT_KEPT.test(path));
  await checkRoom(files.reduce((sum, { bytes }) => sum + bytes, 0));
  const older = await keptReleases();
  const waiting = [...files];
  let fresh = true;
  const lane = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const { response, stale } = await verified(file, older);
      if (stale) fresh = false;
      await cache.put(addressOf(file.path), response);
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    waiting.length = 0;
  }
  return { release, fresh };
}

/** The list of this script's release; while the server is being updated, it may have that of another. @returns {Promise<Release>} */
async function currentList() {
  const response = await get(LIST, 'no-store');
  /** @type {Release} */
  const release = await response.json().catch(() => {
    throw reason('mixed', 'release.json');
  });
  const sums = release.files?.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('') ?? '';
  if ((await sha256(new TextEncoder().encode(sums))) !== RELEASE) throw reason('mixed', 'release.json');
  return release;
}

/**
 * A file of the release: from an older release that has the same, from the browser's own cache, or from the server.
 * @param {ReleaseFile} file @param {Release[]} older
 * @returns {Promise<{ response: Response, stale: boolean }>} `stale` where the browser's cache had another
 */
async function verified(file, older) {
  const same = older.find(({ files }) => files.some(({ path, sha256 }) => path === file.path && sha256 === file.sha256));
  const held = same && (await caches.match(addressOf(file.path), { cacheName: PREFIX + same.id, ignoreVary: true }));
  if (held) {
    const bytes = await held.arrayBuffer();
    if ((await sha256(bytes)) === file.sha256) return { response: responseOf(bytes, held), stale: false };
  }
  // A server may send its folder's index under the folder's name only.
  const address = addressOf(file.path).replace(/\/index\.html$/, '/');
  let stale = false;
  // The browser's own cache, then past it, then under an address that no cache on the way has seen.
  for (const [cache, query] of /** @type {Array<[RequestCache, string]>} */ ([
    ['force-cache', ''],
    ['reload', ''],
    ['reload', `?sha256=${file.sha256}`],
  ])) {
    const response = await get(address + query, cache);
    const bytes = await response.arrayBuffer().catch(() => {
      throw reason('unreachable', file.path);
    });
    if ((await sha256(bytes)) === file.sha256) return { response: responseOf(bytes, response), stale };
    stale = true;
  }
  throw reason('mixed', file.path);
}

/**
 * The bytes with the headers that they came with, but for those about how they came.
 * @param {ArrayBuffer} bytes @param {Response} from
 */
function responseOf(bytes, from) {
  const headers = new Headers(from.headers);
  for (const name of ['content-encoding', 'transfer-encoding', 'vary']) headers.delete(name);
  headers.set('content-length', String(bytes.byteLength));
  return new Response(bytes, { headers });
}

/** @param {string} address @param {RequestCache} cache */
async function get(address, cache) {
  const response = await fetch(address, { cache }).catch(() => null);
  if (!response) throw reason('unreachable');
  if (!response.ok) throw reason(response.status === 404 ? 'mixed' : 'unreachable', address.slice(SCOPE.length));
  return response;
}

/** @param {number} bytes */
async function checkRoom(bytes) {
  const { quota, usage } = await navigator.storage.estimate();
  // A browser that lets the site store nothing says that there is room for nothing.
  if (quota === 0) throw reason('refused');
  if (quota !== undefined && quota - (usage ?? 0) < bytes) throw reason('quota', String(bytes));
}

/** The lists of the releases that are complete. */
async function keptReleases() {
  /** @type {Release[]} */
  const kept = [];
  for (const cacheName of await caches.keys()) {
    const list = cacheName.startsWith(PREFIX) && (await caches.match(LIST, { cacheName }));
    if (list) kept.push(await list.json());
  }
  return kept;
}

/** @param {string} release */
async function isWhole(release) {
  if (!whole.has(release) && (await caches.match(LIST, { cacheName: PREFIX + release }))) whole.add(release);
  return whole.has(release);
}

/** Takes over the tabs that were opened before there was a worker, and have this release's files. */
async function claim() {
  const tabs = await worker.clients.matchAll({ includeUncontrolled: true });
  await Promise.all(tabs.filter(({ url }) => url.startsWith(SCOPE)).map(({ id }) => remember(id, RELEASE)));
  await worker.clients.claim();
}

/**
 * What a tab asks for, from its release; what is not part of that, from the network.
 * @param {FetchEvent} event @param {string} address
 */
async function answer(event, address) {
  const release = await releaseOf(event);
  if (event.request.mode === 'navigate') event.waitUntil(tidy());
  if (!(await isWhole(release))) return fetch(event.request);
  const file = address.endsWith('/') ? `${address}index.html` : address;
  const kept = await caches.match(file, { cacheName: PREFIX + release, ignoreVary: true });
  // Whoever asks past all caches has reason to believe that what is kept is damaged.
  if (kept && event.request.cache === 'reload') return (await mended(release, file, kept.clone()).catch(() => null)) ?? kept;
  return kept || fetch(event.request);
}

/**
 * A kept file, or in the place of a damaged one what the release's list promises.
 * @param {string} release @param {string} address @param {Response} kept
 */
async function mended(release, address, kept) {
  const list = await caches.match(LIST, { cacheName: PREFIX + release });
  /** @type {Pick<Release, 'files'>} */
  const { files } = (await list?.json()) ?? { files: [] };
  const file = files.find(({ path }) => addressOf(path) === address);
  if (!file || (await sha256(await kept.arrayBuffer())) === file.sha256) return null;
  const { response } = await verified(file, []);
  const cache = await caches.open(PREFIX + release);
  await cache.put(address, response.clone());
  return response;
}

/** The release of the tab that asks; for a tab that is being opened, this one. @param {FetchEvent} event */
async function releaseOf({ request, clientId, resultingClientId }) {
  const release = request.mode === 'navigate' ? RELEASE : ((await recall(clientId)) ?? RELEASE);
  // A tab, or a worker, which goes with the tab that began it.
  if (resultingClientId) await remember(resultingClientId, release);
  return release;
}

/** @param {string} client @param {string} release */
async function remember(client, release) {
  opened.set(client, release);
  try {
    const cache = await caches.open(CLIENTS);
    await cache.put(addressOf(`clients/${client}`), new Response(JSON.stringify({ release, at: Date.now() })));
  } catch {
    // Without room to write it down, it is known for as long as this worker lives.
  }
}

/** @param {string} client @returns {Promise<string | undefined>} */
async function recall(client) {
  const known = opened.get(client);
  if (known || !client) return known;
  const written = await caches.match(addressOf(`clients/${client}`), { cacheName: CLIENTS });
  const { release } = written ? await written.json() : {};
  if (release) opened.set(client, release);
  return release;
}

/** Throws away the releases that no tab uses, unless another is on its way or waits. */
async function tidy() {
  const another = () => worker.registration.installing ?? worker.registration.waiting;
  if (another()) return;
  const live = new Set((await worker.clients.matchAll({ includeUncontrolled: true, type: 'all' })).map(({ id }) => id));
  const used = new Set([CLIENTS, PREFIX + RELEASE]);
  const clients = await caches.open(CLIENTS);
  for (const request of await clients.keys()) {
    const written = await clients.match(request);
    const { release, at } = written ? await written.json() : {};
    const id = request.url.slice(addressOf('clients/').length);
    if (live.has(id) || Date.now() - at < OPENING) used.add(PREFIX + release);
    else await clients.delete(request);
  }
  for (const name of await caches.keys()) {
    if (!name.startsWith(PREFIX) || used.has(name)) continue;
    // It may have begun to come meanwhile, and this is where it is being put.
    if (another()) return;
    whole.delete(name.slice(PREFIX.length));
    await caches.delete(name);
  }
}

/** Takes what another app shares, and opens the page with a ticket for it. @param {Request} request */
async function takeShared(request) {
  const ticket = crypto.randomUUID();
  const form = await request.formData().catch(() => null);
  const files = form?.getAll('files').filter((value) => value instanceof File) ?? [];
  shared.set(ticket, files);
  setTimeout(() => shared.delete(ticket), SHARE_LIMIT);
  return Response.redirect(`${SCOPE}?shared=${ticket}`, 303);
}

/** @param {Reason} why */
async function tell(why) {
  for (const client of await worker.clients.matchAll({ includeUncontrolled: true })) client.postMessage({ type: 'not-kept', why });
}

/** @param {Reason['code']} code @param {string} [detail] @returns {Reason} */
function reason(code, detail) {
  return { code, detail };
}

/** @param {any} thrown @returns {Reason} */
function reasonOf(thrown) {
  if (typeof thrown?.code === 'string') return thrown;
  return reason(thrown?.name === 'QuotaExceededError' ? 'quota' : 'refused', String(thrown));
}

/** @param {string} path within the release */
function addressOf(path) {
  return new URL(path, SCOPE).href;
}

/** @param {BufferSource} bytes @returns {Promise<string>} in hexadecimal */
async function sha256(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
