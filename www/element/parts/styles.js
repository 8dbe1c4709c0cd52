// @ts-check
/**
 * The element's looks, as a constructed style sheet: no `<style>` that a content security policy would refuse, no
 * request, no flash of unstyled content. Light or dark follows the `color-scheme` of the page around it.
 */

/** A sheet belongs to the document that it was made in. @type {WeakMap<Document, CSSStyleSheet>} */
const sheets = new WeakMap();

/** The style sheet for elements of a document; undefined for one that no window shows. @param {Document} document */
export function sheetOf(document) {
  const view = /** @type {typeof globalThis | null} */ (document.defaultView);
  let sheet = sheets.get(document);
  if (sheet || !view) return sheet;
  sheet = new view.CSSStyleSheet();
  sheet.replaceSync(CSS);
  sheets.set(document, sheet);
  return sheet;
}

const CSS = /* css */ `
:host {
  --accent: var(--lung-accent, light-dark(#0b6a86, #63c7df));
  --on-accent: light-dark(#ffffff, #06222b);
  --surface: var(--lung-surface, light-dark(#ffffff, #161e25));
  --sunken: var(--lung-sunken, light-dark(#f1f5f7, #10171c));
  --ink: var(--lung-ink, light-dark(#15212b, #e7eef3));
  --muted: var(--lung-muted, light-dark(#52626f, #9fb0bc));
  --line: var(--lung-line, light-dark(#d5dee4, #2c3a44));
  --danger: var(--lung-danger, light-dark(#a3330c, #ffb08f));
  --warning: var(--lung-warning, light-dark(#8a5a00, #f0c060));
  --radius: var(--lung-radius, 14px);
  display: block;
  min-inline-size: 0;
  color: var(--ink);
  font: 400 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
:host([hidden]) { display: none; }
/* Light or dark against the page around it: then with a ground of its own. */
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host(:is([theme="light"], [theme="dark"])) { padding: 1rem; border-radius: var(--radius); background: var(--lung-ground, light-dark(#f6f8f9, #0c1216)); }
/* Where the page around it asks its content how wide it is, as in a flexible row, a table or an inline block: up to four of these side by
   side. A container has no width of its own. */
.sizer { height: 0; overflow: hidden; font-size: 0; line-height: 0; visibility: hidden; }
.sizer > i { display: inline-block; width: 11rem; }
.whole { container-type: inline-size; }
/* Which way the language is written, for what has no logical property. */
[dir="ltr"] { --onward: 1; --start: 0%; }
[dir="rtl"] { --onward: -1; --start: 100%; }
/* Letters that are joined, or hang from a line, are not moved closer. */
:is(:lang(ar), :lang(hi), :lang(zh)) :is(.drop-title, .verdict strong) { letter-spacing: normal; }
*, ::before, ::after { box-sizing: border-box; }
p, dl, dd, ol, fieldset, summary { margin: 0; padding: 0; border: 0; min-width: 0; }
ol { list-style: none; }
[hidden] { display: none !important; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

button { font: inherit; font-weight: 600; border-radius: 10px; padding: .6rem 1.15rem; border: 1px solid transparent; cursor: pointer; }
.choose { background: var(--accent); color: var(--on-accent); white-space: nowrap; }
.choose:hover { background: color-mix(in srgb, var(--accent) 86%, var(--ink)); }
.again { background: none; color: var(--ink); border-color: color-mix(in srgb, currentColor 40%, transparent); }
.again:hover { background: color-mix(in srgb, currentColor 8%, transparent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

/* Drop zone */
.top { display: grid; gap: .75rem; }
.dropzone {
  display: grid; justify-items: center; gap: 1.1rem; padding: 3rem 1.5rem; text-align: center; cursor: pointer;
  border: 2px dashed color-mix(in srgb, var(--muted) 55%, var(--line)); border-radius: var(--radius); background: var(--surface);
  transition: background-color .15s, border-color .15s;
}
.dropzone:hover { border-color: var(--accent); }
.dropzone.over { border-style: solid; border-color: var(--accent); background: color-mix(in srgb, var(--accent) 12%, var(--surface)); }
.dropzone.over > * { pointer-events: none; }
.dropzone.disabled { color: var(--muted); cursor: not-allowed; border-color: var(--line); }
.dropzone.disabled .drop-icon { color: inherit; opacity: .55; }
.dropzone.disabled > * { pointer-events: none; }
.drop-icon { width: 3.5rem; height: 3.5rem; color: var(--accent); }
.drop-title { font-size: 1.3rem; font-weight: 650; letter-spacing: -.01em; line-height: 1.3; }
.drop-hint { color: var(--muted); font-size: .925rem; }
.drop-buttons { display: flex; flex-wrap: wrap; gap: .6rem; justify-content: center; }
.dropzone.compact { grid-template-columns: auto 1fr auto; justify-items: start; align-items: center; padding: .9rem 1.1rem; text-align: start; gap: 1rem; }
.compact .drop-icon { width: 2.25rem; height: 2.25rem; }
.compact .drop-title { font-size: 1.05rem; }
.compact .drop-hint { font-size: .85rem; }

/* Status */
.status { min-height: 1.5rem; padding-inline: .25rem; font-size: .9rem; color: var(--muted); }
.status-line { display: flex; flex-wrap: wrap; align-items: center; column-gap: .5rem; font-variant-numeric: tabular-nums; }
.status-line strong { color: var(--ink); font-weight: 650; }
.fact { overflow-wrap: anywhere; }
.status-line > :is(strong, .fact):not(:last-child)::after { content: "·"; margin-inline-start: .5rem; font-weight: 400; color: var(--muted); }
.lamp { width: .6rem; height: .6rem; border-radius: 50%; background: light-dark(#2c8a63, #5fd0a0); }
.status-figures, .status-reason { margin-top: .15rem; text-wrap: pretty; }
a { color: var(--accent); }
.folded { margin-top: .15rem; font-size: .85rem; color: var(--muted); }
.folded summary { width: fit-content; cursor: pointer; }
.folded > :not(summary) { margin-top: .45rem; overflow-wrap: anywhere; }
.card .folded { padding-top: 1.1rem; border-top: 1px solid var(--line); margin: 0; }
.gone { font-size: .9rem; color: var(--muted); }
.progress { position: relative; height: 6px; margin-top: .45rem; border-radius: 3px; background: color-mix(in srgb, var(--muted) 22%, transparent); overflow: hidden; }
.progress-fill { position: absolute; inset: 0; border-radius: inherit; background: var(--accent); transform-origin: var(--start) 50%; transform: scaleX(var(--portion, 0)); transition: transform .15s linear; }
.progress.indeterminate .progress-fill { width: 32%; transform: none; transition: none; animation: to-and-fro 1.5s ease-in-out .4s infinite alternate; }
/* Nothing moves in the first moments: each frame would take time from what is waited for. */
@keyframes to-and-fro { to { transform: translateX(calc(var(--onward) * 212.5%)); } }
.copier { padding: .35rem .85rem; font-size: .85rem; }
.diagnosis textarea { display: block; width: 100%; margin-top: .45rem; font: .8rem/1.4 ui-monospace, monospace; }
.samples { padding-inline: .25rem; font-size: .9rem; }
.samples > summary { width: fit-content; cursor: pointer; color: var(--accent); font-weight: 600; }
.samples-about:not(:empty) { margin-top: .45rem; color: var(--muted); }
.samples-row { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(8.5rem, 100%), 1fr)); gap: .75rem; margin-top: .6rem; }
.sample { display: grid; align-content: start; gap: .1rem; padding: .5rem; border-color: var(--line); background: var(--surface); color: var(--ink); font-size: .85rem; text-align: start; line-height: 1.35; }
.sample:hover { border-color: var(--accent); }
.sample canvas { width: 100%; height: auto; aspect-ratio: 1; border-radius: 6px; background: #000; margin-bottom: .25rem; }
.sample span { color: var(--muted); font-weight: 400; }
.notice { padding-inline: .25rem; }
p.notice { font-size: .925rem; font-weight: 600; }
::slotted([slot="notice"]) { padding-inline: .25rem; }

/* Results */
.results { scroll-margin-block-start: .75rem; display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; margin-top: 1.5rem; }
.list { display: grid; grid-template-columns: minmax(0, 1fr); gap: .6rem; }
.small { font-size: .85rem; padding: .4rem .9rem; }
.toolbar { display: grid; gap: .6rem; }
.batch { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .75rem; }
.tally { display: flex; flex-wrap: wrap; column-gap: .5rem; font-size: .9rem; font-variant-numeric: tabular-nums; color: var(--muted); }
.tally .fact:first-child { color: var(--ink); font-weight: 600; }
.tally .fact:not(:last-child)::after { content: "·"; margin-inline-start: .5rem; font-weight: 400; color: var(--muted); }
.savers { display: flex; flex-wrap: wrap; gap: .5rem; margin-inline-start: auto; }
button:disabled { opacity: .5; cursor: default; }
.toolbar .progress { margin: 0; }
.export-failed, .table-failed { color: var(--danger); font-size: .9rem; }
.finders { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: end; }
.field { display: grid; gap: .2rem; font-size: .8rem; color: var(--muted); }
.finders > * { flex: 1 1 11rem; min-width: 0; }
.sorting { display: flex; gap: .4rem; align-items: end; }
.sorting .field { flex: 1; min-width: 0; }
.pick { width: 100%; min-width: 0; font: inherit; font-size: .9rem; height: 2.35rem; padding: .3rem .6rem; color: var(--ink); background: var(--surface); border: 1px solid color-mix(in srgb, var(--muted) 75%, var(--line)); border-radius: 9px; }
.reverse { flex: none; display: grid; place-items: center; width: 2.35rem; height: 2.35rem; padding: 0; }
.reverse-icon { width: 1.15rem; height: 1.15rem; }
.reverse[aria-pressed="true"] { background: color-mix(in srgb, var(--accent) 16%, var(--surface)); border-color: var(--accent); }
.rows { max-height: 21rem; overflow-y: auto; overscroll-behavior: contain; background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); }
.nothing { padding-inline: .25rem; font-size: .9rem; color: var(--muted); }
.more { justify-self: center; }
.row, .row-head {
  display: grid; grid-template-columns: minmax(8rem, 1.5fr) minmax(7.5rem, 1fr) 6.5rem minmax(7.5rem, 1.35fr) 5.5rem; gap: .1rem 1rem; align-items: center;
  padding: .5rem 1rem; font-size: .9rem; border-inline-start: 4px solid transparent;
}
.row-head { position: sticky; top: 0; z-index: 1; padding-block: .35rem; background: var(--sunken); border-bottom: 1px solid var(--line); font-size: .8rem; color: var(--muted); }
.head { display: contents; }
.heading { display: inline-flex; gap: .25rem; align-items: center; padding: 0; border: 0; border-radius: 4px; background: none; color: inherit; font-weight: inherit; }
.heading:hover { color: var(--ink); }
.sorted { width: .9rem; height: .9rem; visibility: hidden; }
[aria-sort="ascending"], [aria-sort="descending"] { color: var(--ink); font-weight: 650; }
:is([aria-sort="ascending"], [aria-sort="descending"]) .sorted { visibility: visible; }
[aria-sort="descending"] .sorted { rotate: 180deg; }
.row { cursor: pointer; contain: layout style; content-visibility: auto; contain-intrinsic-block-size: auto 1.75rem; }
.row + .row { border-top: 1px solid var(--line); }
.row:hover { background: var(--sunken); }
.row[aria-selected="true"] { background: color-mix(in srgb, var(--accent) 10%, var(--surface)); border-inline-start-color: var(--accent); }
.row:focus-visible { outline-offset: -3px; border-radius: var(--radius); }
.row > *, .row-head > * { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.row > .row-name { display: flex; align-items: center; gap: .6rem; overflow: visible; }
.row-picture { flex: none; width: 1.75rem; height: 1.75rem; border-radius: 4px; background: #000; }
.row-picture[data-empty] { background: var(--sunken); }
/* Of a long path the end of the folders goes before the file does. */
.row-path { display: flex; min-width: 0; }
.row-path > * { overflow: hidden; text-overflow: ellipsis; white-space: pre; }
.row-folders { flex: 0 1 auto; min-width: 0; }
.row-folders:not(:empty) + .row-file { flex: 0 0 auto; max-width: 70%; }
.row-probability { text-align: end; font-variant-numeric: tabular-nums; }
.row-note, .row-state { color: var(--muted); }
.row[aria-selected="true"] .row-name, .row[data-state="done"] :is(.row-finding, .row-probability) { font-weight: 600; }
.row[data-sentence] .row-finding { grid-column: span 3; font-weight: 400; }
.row[data-state="error"] :is(.row-finding, .row-state) { color: var(--danger); }
.row[data-warned] .row-note, .row[data-warned][data-sentence] .row-finding { color: var(--warning); }
.note-icon { width: 1rem; height: 1rem; margin-inline-end: .35rem; vertical-align: -.15rem; }
.results:focus { outline: none; }
.card-actions, .clearing { display: flex; flex-wrap: wrap; gap: .5rem; justify-content: end; }
/* Where results are kept there is a button that forgets them. */
.results:has(> .kept:not([hidden])) > .clearing { display: none; }
.kept { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between; padding-top: .9rem; border-top: 1px solid var(--line); font-size: .85rem; color: var(--muted); }
.kept > p { flex: 1 1 16rem; }
.aside { padding-inline: .25rem; font-size: .9rem; }
.print-head { display: none; }
.offer { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; font-size: .9rem; }
.offer-said { flex: 1 1 16rem; }
.offer-text { flex: 1 0 100%; height: auto; resize: vertical; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); padding: 1rem; }
.card-head { display: flex; gap: .75rem; align-items: baseline; justify-content: space-between; }
.card-name { font-size: .95rem; font-weight: 600; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.card-state { flex: none; color: var(--muted); font-size: .9rem; }
.card-state:empty { display: none; }
.card-body { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.25rem; }
.card-body:not(:empty) { margin-top: .85rem; }
.card[data-state="waiting"] { background: none; }
.card[data-state="error"] { border-color: color-mix(in srgb, var(--danger) 45%, var(--line)); }

.frame { position: relative; width: 100%; margin-inline: auto; border-radius: 10px; overflow: hidden; background: #000; }
.plane, .frame canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.viewer { display: grid; grid-template-columns: minmax(0, 1fr); gap: .75rem; align-content: start; }
/* One finger scrolls the page until there is something to move. */
.frame { touch-action: pan-x pan-y; user-select: none; -webkit-user-select: none; }
.frame.zoomed { touch-action: none; cursor: grab; }
.frame.zoomed.held { cursor: grabbing; }
.plane { transform-origin: 0 0; }
.frame.gliding .plane { transition: transform .15s ease-out; }
.zoom { display: flex; gap: .35rem; align-items: center; justify-content: center; }
.zoom-button { display: grid; place-items: center; width: 2.75rem; height: 2.25rem; padding: 0; background: none; color: var(--ink); border-color: var(--line); }
.zoom-button:hover { background: var(--sunken); }
.zoom-button[aria-disabled="true"] { color: var(--muted); opacity: .55; cursor: default; }
.zoom-button .icon { width: 1.15rem; height: 1.15rem; }
.zoom-value { min-width: 4rem; text-align: center; font-size: .85rem; color: var(--muted); font-variant-numeric: tabular-nums; }
.evidence-words { min-height: 4.5em; font-size: .9rem; text-wrap: pretty; }
.examples { font-size: .85rem; }
.examples summary { width: fit-content; cursor: pointer; }
.examples > p { margin-top: .5rem; color: var(--muted); text-wrap: pretty; }
.example-row { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: .75rem; margin-top: .75rem; }
.example { margin: 0; }
.example-drawing { display: block; width: 100%; border-radius: 8px; background: #000; fill: none; stroke-linecap: round; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.example[data-found] .example-drawing { outline: 3px solid var(--accent); outline-offset: 2px; }
.example figcaption { display: grid; margin-top: .5rem; line-height: 1.4; }
.example figcaption span { color: var(--muted); }
.example .body { fill: #7b7b7b; filter: blur(.6px); }
.example .lung { fill: #1b1b1b; filter: blur(.8px); }
.example :is(.rib, .bone, .spine, .streak) { stroke: #fff; filter: blur(.4px); }
.example .rib { stroke-width: 2.2; stroke-opacity: .14; }
.example .bone { stroke-width: 2.6; stroke-opacity: .3; }
.example .spine { stroke-width: 8; stroke-opacity: .32; stroke-linecap: butt; }
.example .heart { fill: #c4c4c4; fill-opacity: .85; filter: blur(.8px); }
.example :is(.patch, .core, .haze) { fill: #fff; filter: blur(2px); }
.example .patch { fill-opacity: .5; }
.example .core { fill-opacity: .35; }
.example .haze { fill-opacity: .2; filter: blur(3px); }
.example .streak { stroke-width: 1.7; stroke-opacity: .34; filter: blur(.7px); }
.window { display: grid; gap: .5rem; padding-top: .9rem; border-top: 1px solid var(--line); font-size: .85rem; }
.window legend { float: inline-start; padding: 0; color: var(--muted); }
.window-row { clear: both; display: grid; grid-template-columns: 4rem 1fr 4.5rem; gap: .75rem; align-items: center; }
.window-row input { width: 100%; min-width: 0; height: 1.75rem; margin: 0; accent-color: var(--accent); }
.window-value { text-align: end; font-variant-numeric: tabular-nums; }
.window-buttons { display: flex; flex-wrap: wrap; gap: .5rem; }
.window-button { padding: .35rem .85rem; background: none; color: var(--ink); border-color: var(--line); font-size: .85rem; }
.window-button:hover { background: var(--sunken); }
.window-note { color: var(--muted); }
.window-error { color: var(--danger); font-weight: 600; }
.window-error:empty { margin-top: -.5rem; }
.controls { display: grid; gap: .75rem; }
.switch { position: relative; display: inline-flex; align-items: center; gap: .6rem; font-size: .925rem; cursor: pointer; width: fit-content; min-height: 1.75rem; }
.switch input { position: absolute; width: 2.5rem; height: 1.5rem; margin: 0; opacity: 0; cursor: pointer; }
.switch-track { flex: none; width: 2.5rem; height: 1.5rem; padding: 3px; border-radius: .75rem; background: color-mix(in srgb, var(--muted) 70%, transparent); transition: background-color .15s; }
.switch-track::after { content: ""; display: block; width: calc(1.5rem - 6px); height: calc(1.5rem - 6px); border-radius: 50%; background: #fff; transition: translate .15s; }
.switch input:checked + .switch-track { background: var(--accent); }
.switch input:checked + .switch-track::after { translate: calc(var(--onward) * 1rem) 0; background: var(--on-accent); }
.switch input:focus-visible + .switch-track { outline: 3px solid var(--accent); outline-offset: 2px; }
.evidence-choice { display: grid; gap: .75rem; transition: opacity .15s; }
.evidence-choice:disabled { opacity: .45; }
.evidence-choice legend { padding: 0; margin-bottom: .4rem; font-size: .85rem; color: var(--muted); }
.options { display: flex; flex-wrap: wrap; padding: 3px; gap: 3px; border-radius: 10px; background: var(--sunken); border: 1px solid var(--line); }
.option { position: relative; flex: 1 1 auto; display: grid; }
.option input { position: absolute; inset: 0; margin: 0; opacity: 0; cursor: pointer; }
.option span { display: grid; place-items: center; padding: .4rem .35rem; border-radius: 7px; font-size: .85rem; line-height: 1.25; text-align: center; pointer-events: none; }
.option input:checked + span { background: var(--surface); font-weight: 650; box-shadow: 0 0 0 1px var(--line), 0 1px 3px #0002; }
.option input:focus-visible + span { outline: 3px solid var(--accent); outline-offset: 1px; }
.strength { display: flex; flex-wrap: wrap; gap: .5rem 1.1rem; align-items: center; }
.strength label { flex: 1 1 12rem; display: grid; grid-template-columns: auto 1fr; gap: .75rem; align-items: center; font-size: .85rem; color: var(--muted); }
.strength input { width: 100%; min-width: 0; margin: 0; accent-color: var(--accent); height: 1.5rem; }
.legend { flex: 1 0 auto; display: flex; gap: .45rem; align-items: center; font-size: .8rem; color: var(--muted); }
.legend-scale { flex: 1; min-width: 4.5rem; height: .65rem; border-radius: 3px; background: linear-gradient(calc(var(--onward) * 90deg), rgb(70 160 235), #000 50%, rgb(240 150 20)); }

.verdict { display: grid; grid-template-columns: 1fr auto; align-items: baseline; column-gap: 1rem; }
.verdict-label { grid-column: 1 / -1; font-size: .85rem; color: var(--muted); }
.verdict strong { font-size: 1.6rem; line-height: 1.2; font-weight: 680; letter-spacing: -.015em; }
.verdict-value { font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.set { margin-top: .5rem; font-size: .925rem; color: var(--muted); }
.doubt { display: flex; gap: .85rem; align-items: start; padding: .9rem 1rem; border-radius: 10px; border: 1px solid color-mix(in srgb, var(--warning) 55%, var(--line)); background: color-mix(in srgb, var(--warning) 10%, var(--surface)); }
.doubt-icon { flex: none; width: 1.5rem; height: 1.5rem; color: var(--warning); }
.doubt-title { font-weight: 650; }
.all-the-same { margin-top: 1rem; font-size: .925rem; color: var(--muted); }
.all-the-same summary { width: fit-content; cursor: pointer; }
.bars { display: grid; gap: .85rem; margin-top: 1rem; }
.bar { display: grid; grid-template-columns: 1fr auto; gap: .3rem 1rem; font-size: .95rem; }
[data-colour]::before { content: ""; display: inline-block; width: .55em; height: .55em; margin-inline-end: .45em; border-radius: 50%; background: var(--finding); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.bar-value { font-variant-numeric: tabular-nums; }
.bar-track { grid-column: 1 / -1; height: 10px; border-radius: 5px; background: var(--sunken); box-shadow: inset 0 0 0 1px var(--line); overflow: hidden; }
.bar-fill { display: block; height: 100%; min-width: 3px; background: color-mix(in srgb, var(--muted) 75%, transparent); }
.bar[data-found] .bar-fill { background: var(--accent); }
.bar[data-found] :is(.bar-name, .bar-value) { font-weight: 650; }
.controls { padding-top: 1.1rem; border-top: 1px solid var(--line); }
.facts { display: grid; gap: .45rem; align-content: start; font-size: .85rem; }
.facts div { display: grid; grid-template-columns: 4rem 1fr; gap: .75rem; }
.facts dt { color: var(--muted); }
.facts dd { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }

.dicom { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-bottom: 1rem; font-size: .85rem; }
.dicom div { display: flex; gap: .45rem; }
.dicom dt { color: var(--muted); }
.cautions { margin-bottom: 1rem; padding: .75rem .9rem; border-radius: 10px; background: color-mix(in srgb, var(--danger) 8%, var(--surface)); font-size: .925rem; font-weight: 600; }

.fault { display: flex; gap: .85rem; align-items: start; }
.fault > div { flex: 1; min-width: 0; }
.fault-icon { flex: none; width: 1.5rem; height: 1.5rem; color: var(--danger); }
.fault-message { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
.fault-advice { margin-top: .15rem; color: var(--ink); }
.fault-code { margin-top: .4rem; color: var(--muted); font-size: .8rem; }
.status .fault { padding: 1rem; border: 1px solid color-mix(in srgb, var(--danger) 45%, var(--line)); border-radius: var(--radius); background: color-mix(in srgb, var(--danger) 7%, var(--surface)); }

.skeleton { aspect-ratio: 1; border-radius: 10px; background: var(--sunken); }
.skeleton-lines { display: grid; gap: 1rem; align-content: start; }
.skeleton-lines i { height: 1.1rem; border-radius: 5px; background: var(--sunken); }
.skeleton-lines i:first-child { width: 55%; height: 2rem; }
.card[data-state="working"] :is(.skeleton, .skeleton-lines i) { animation: breathe 1.4s ease-in-out .4s infinite alternate; }
@keyframes breathe { to { opacity: .45; } }

@container (min-width: 44rem) {
  .card { padding: 1.35rem; }
  .card-body:has(.viewer, .skeleton) { grid-template-columns: minmax(0, 28rem) minmax(22rem, 1fr); grid-template-rows: auto auto 1fr; column-gap: 2rem; }
  .viewer, .skeleton { grid-area: 1 / 1 / span 3; align-self: start; width: 100%; }
  .verdict-side, .controls, .folded, .skeleton-lines { grid-column: -2; }
}
@container (max-width: 42rem) {
  .row { grid-template-columns: max-content max-content minmax(0, 1fr) max-content; column-gap: .6rem; padding-inline: .8rem; contain-intrinsic-block-size: auto 3.2rem; }
  .row-head { display: none; }
  .row-name { grid-column: 1 / 4; }
  .row-state { grid-area: 1 / 4; }
  .row-note { grid-column: 3 / -1; text-align: end; }
  .row[data-sentence] .row-finding { grid-column: 1 / -1; white-space: normal; }
}
@container (max-width: 30rem) {
  .tally .fact { flex-basis: auto; }
  .drop-buttons > * { padding-inline: .5rem; font-size: .925rem; }
  .savers { margin-inline-start: 0; width: 100%; }
  .savers > * { flex: 1 1 auto; }
  .finders > :last-child { flex-basis: 100%; }
  .finders > * { flex-basis: 8rem; }
  .dropzone { padding: 2rem 1rem; }
  .dropzone.compact { grid-template-columns: auto 1fr; }
  .compact .drop-buttons { grid-column: 1 / -1; width: 100%; }
  .compact .drop-buttons > * { flex: 1; }
  .status .fault { flex-direction: column; }
  .fact { flex-basis: 100%; }
  .status-line > :is(strong, .fact)::after { display: none; }
  .controls { padding-top: 0; border-top: 0; }
}
/* Below what any phone has: one thing under the other. */
@container (max-width: 15rem) {
  .whole > * { overflow-wrap: anywhere; }
  .top, .dropzone, .dropzone.compact, .verdict, .bar, .window-row, .facts div, .strength label, .example-row { grid-template-columns: minmax(0, 1fr); }
  .dropzone, .dropzone.compact { padding: .75rem .5rem; justify-items: stretch; text-align: center; }
  .drop-icon { justify-self: center; }
  .card { padding: .5rem; }
  .choose, .again, .window-button { white-space: normal; padding-inline: .4rem; min-width: 0; max-width: 100%; }
  .drop-buttons, .options, .savers, .window-buttons, .card-actions, .clearing, .fault, .doubt { flex-direction: column; align-items: stretch; }
  .card-head, .dicom div, .zoom, .legend, .switch { flex-wrap: wrap; }
  .verdict-value { font-size: 1.25rem; }
  .verdict strong { font-size: 1.25rem; overflow-wrap: anywhere; }
  .window-value, .row-probability, .row-note { text-align: start; }
  .strength label, .legend, .finders > *, .batch > *, .offer > *, .kept > * { flex: 1 1 100%; min-width: 0; }
  .row { grid-template-columns: minmax(0, 1fr); contain-intrinsic-block-size: auto 6rem; }
  .row > .row-name, .row > :not(.row-name) { grid-area: auto / 1; }
}
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { transition: none !important; animation-duration: 6s !important; }
  .card[data-state="working"] :is(.skeleton, .skeleton-lines i) { animation: none; }
}
/* What is chosen has the colours of what is selected, because it would be told by weight alone. */
@media (forced-colors: active) {
  .row[aria-selected="true"], .reverse[aria-pressed="true"], .option input:checked + span { forced-color-adjust: none; background: Highlight; color: HighlightText; }
  .row[aria-selected="true"] * { color: inherit !important; }
  .row:not([aria-selected="true"]) { border-inline-start-color: Canvas; }
  .bar-fill, .progress-fill, .switch-track, .frame, .legend-scale, .lamp, .example-drawing { forced-color-adjust: none; }
  .bar-track, .progress { border: 1px solid CanvasText; }
  .bar-fill { background: GrayText; }
  .bar[data-found] .bar-fill, .progress-fill { background: Highlight; }
  .bar[data-found] .bar-name { text-decoration: underline; }
  .switch-track { background: Canvas; border: 1px solid CanvasText; padding: 2px; }
  .switch-track::after { background: CanvasText; }
  .switch input:checked + .switch-track { background: Highlight; }
  .switch input:checked + .switch-track::after { background: HighlightText; }
  .dropzone.over { border-color: Highlight; }
  .example[data-found] figcaption strong { text-decoration: underline; }
}
/* A report of one page: the card that is chosen, black on white. */
@media print {
  :host { color-scheme: light; --surface: #fff; --sunken: #fff; --ink: #000; --muted: #333; --line: #999; --accent: #000; --danger: #000; --warning: #000; }
  .top > :not(.notice), .top > .notice:empty, .spoken, .list, .zoom, .window:not([data-changed]), .switch, .evidence-choice:disabled, .strength label, .option:not(:has(:checked)), .card-actions, .clearing, .offer, .export-failed, .kept, .table-failed, .examples, .all-the-same:not([open]), .folded > summary, .gone { display: none !important; }
  .folded::details-content { content-visibility: visible; block-size: auto; }
  .whole { display: flex; flex-direction: column; }
  .top { display: block; margin-bottom: .35rem; }
  .notice { font-size: .8rem; padding: 0; }
  .results { margin: 0; gap: .5rem; }
  .print-head { display: block; font-size: .9rem; font-weight: 650; }
  .card { padding: 0; border: 0; border-radius: 0; break-inside: avoid; }
  .card-name { white-space: normal; overflow-wrap: anywhere; }
  .card-body, .card-body:has(.viewer) { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); grid-template-rows: auto 1fr auto; gap: .75rem 1.5rem; }
  .verdict-side { grid-area: 1 / 2; }
  .viewer { grid-area: 1 / 1 / span 2; gap: .5rem; }
  .frame { max-height: 8.5cm; width: auto; max-width: 100% !important; margin-inline: 0; border-radius: 0; }
  .card-name { font-size: .8rem; }
  /* All of the picture, in the window that it is in. */
  .plane { transform: none !important; }
  .window-row input, .window-buttons { display: none; }
  .evidence-words { min-height: 0; font-size: .8rem; }
  .window { display: flex; flex-wrap: wrap; gap: .1rem .75rem; padding: 0; border: 0; font-size: .8rem; }
  .window-row { display: flex; gap: .35rem; }
  .card-body:not(:has(.viewer)) .verdict-side { grid-column: 1 / -1; }
  .controls { grid-column: 1; padding: 0; border: 0; }
  .evidence-choice { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .75rem; }
  .evidence-choice legend { float: inline-start; margin: 0; }
  .options, .option input:checked + span { padding: 0; border: 0; background: none; box-shadow: none; }
  .legend-scale { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .card .folded { grid-area: 2 / 2; padding-top: .5rem; border-top: 1px solid #999; color: #000; }
  .facts { gap: .15rem; margin: 0 !important; font-size: .75rem; }
  .verdict strong, .verdict-value { font-size: 1.3rem; }
  .bars { gap: .4rem; margin-top: .6rem; }
  .dicom, .cautions { margin-bottom: .5rem; }
  .cautions, .doubt { padding: .4rem .6rem; }
  .bar-fill { background: #555; }
  .frame, .bar-track, .bar-fill { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
@media print and (orientation: landscape) {
  .whole { zoom: .8; }
  .frame { max-height: 7.5cm; }
}
`;
