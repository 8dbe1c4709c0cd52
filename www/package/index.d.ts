/** The element as TypeScript sees it; docs/element.md says what each of it does. */

import type { ErrorDetail, Fault, ProgressDetail, Ready, ReadyDetail, Report, ResultDetail } from '../element/protocol.js';

export type {
  Caution,
  Device,
  DicomFacts,
  ErrorDetail,
  Fault,
  Finding,
  ModelInfo,
  ProgressDetail,
  Ready,
  ReadyDetail,
  Report,
  ResultDetail,
} from '../element/protocol.js';

/** What the element fires, beside what every element does. */
export interface LungEventMap {
  'lung-progress': CustomEvent<ProgressDetail>;
  'lung-ready': CustomEvent<ReadyDetail>;
  'lung-result': CustomEvent<ResultDetail>;
  'lung-error': CustomEvent<ErrorDetail>;
}

/** What `classify` and `start` reject with. */
export class LungError extends Error {
  constructor(fault: Fault);
  code: string;
  advice: string;
}

/** `<lung-xray-classifier>`. */
export class LungXrayClassifier extends HTMLElement {
  static readonly observedAttributes: string[];
  static readonly formAssociated: boolean;
  /** The folder with `worker.js`, `runtime/` and `models/`. */
  static assets: string;
  /** Where it runs, once it has started. */
  readonly ready: Ready | null;
  readonly form: HTMLFormElement | null;
  start(): Promise<Ready>;
  classify(image: Blob | ImageBitmap | ImageData, name?: string): Promise<Report>;
  take(files: Iterable<File>): void;
  addEventListener<K extends keyof LungEventMap>(
    type: K,
    listener: (this: LungXrayClassifier, event: LungEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof LungEventMap>(
    type: K,
    listener: (this: LungXrayClassifier, event: LungEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | EventListenerOptions): void;
}

/**
 * Its own attributes, for the JSX of a framework: with React, for example,
 * `declare module 'react' { namespace JSX { interface IntrinsicElements { 'lung-xray-classifier': React.HTMLAttributes<LungXrayClassifier> & LungAttributes } } }`.
 */
export interface LungAttributes {
  src?: string;
  device?: 'auto' | 'webgpu' | 'cpu';
  loading?: 'lazy' | 'visible' | 'eager';
  multiple?: boolean;
  lang?: string;
  theme?: 'auto' | 'light' | 'dark';
  name?: string;
  disabled?: boolean;
}

declare global {
  interface HTMLElementTagNameMap {
    'lung-xray-classifier': LungXrayClassifier;
  }
}
