// @ts-check
/**
 * For a page whose classifier does not come, because a script of it did not arrive or arrived damaged: says so within the element,
 * names the file where the browser tells it, and offers to fetch everything anew. A plain script, so that it needs no other:
 *
 *     <script async src="element/absent.js"></script>
 *
 * What the page has put into the element for that case, marked `data-absent`, goes: this says it more exactly.
 */
{
  /** How long fetching anew may take before the page is reloaded all the same, in milliseconds. */
  const PATIENCE = 10_000;

  /** Scripts that failed, as far as it was heard. @type {Set<string>} */
  const failed = new Set();
  const here = /** @type {HTMLScriptElement | null} */ (document.currentScript)?.src ?? document.baseURI;

  addEventListener(
    'error',
    (event) => {
      if (event instanceof ErrorEvent && event.filename) failed.add(event.filename);
    },
    true,
  );
  if (document.readyState === 'complete') look();
  else addEventListener('load', look);

  function look() {
    for (const element of document.querySelectorAll('lung-xray-classifier:not(:defined)')) void tell(element);
  }

  /** @param {Element} element */
  async function tell(element) {
    const { text, reload } = await words(element);
    const missing = [...failed, ...unanswered()].map((url) => new URL(url).pathname.split('/').pop()).filter(Boolean);
    const alert = document.createElement('p');
    alert.setAttribute('role', 'alert');
    const link = document.createElement('a');
    link.href = '';
    link.textContent = reload;
    link.addEventListener('click', (event) => {
      event.preventDefault();
      void renew();
    });
    alert.append(text, missing.length > 0 ? ` (${[...new Set(missing)].join(', ')}) ` : ' ', link);
    for (const general of element.querySelectorAll('[data-absent]')) general.remove();
    element.append(alert);
  }

  /** Those that came with an error or not at all; browsers tell it of the page's own origin. */
  function unanswered() {
    return files().flatMap(({ name, responseStatus }) => (responseStatus === 0 || responseStatus >= 400 ? [name] : []));
  }

  /** Scripts and styles of this origin that were asked for. */
  function files() {
    const asked = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType('resource'));
    return asked.filter(({ name }) => name.startsWith(location.origin) && /\.(js|css)$/.test(name.split(/[?#]/, 1)[0]));
  }

  /** Fetches the scripts past all caches, so that no damaged one is found there again, and reloads the page. */
  async function renew() {
    const names = new Set([...failed, ...files().map(({ name }) => name)]);
    await Promise.race([
      Promise.allSettled([...names].map((name) => fetch(name, { cache: 'reload' }).then((response) => response.arrayBuffer()))),
      new Promise((resolve) => setTimeout(resolve, PATIENCE)),
    ]);
    location.reload();
  }

  /** In the language of the page, or of its reader. @param {Element} element */
  async function words(element) {
    const english = { text: 'The classifier did not load: a file of it did not arrive whole.', reload: 'Reload the page' };
    const asked = new URLSearchParams(location.search).get('lang') ?? navigator.language;
    const lang = (element.closest('[lang]:not(html[lang=en])')?.getAttribute('lang') ?? asked).toLowerCase().split('-')[0];
    if (!/^(es|fr|zh|hi|ar)$/.test(lang)) return english;
    try {
      const { default: texts } = await import(new URL(`words/${lang}.js`, here).href);
      return { text: texts['absent.said'], reload: texts['absent.reload'] };
    } catch {
      return english;
    }
  }
}
