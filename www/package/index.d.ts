/** The element as TypeScript sees it; docs/reference/element.md says what each of it does. */

import type {
  DoneDetail,
  ErrorDetail,
  Fault,
  Format,
  OperatingPointDetail,
  ProgressDetail,
  Ready,
  ReadyDetail,
  Report,
  Result,
  ResultDetail,
} from '../element/protocol.js';

export type {
  Caution,
  Device,
  DicomFacts,
  DoneDetail,
  ErrorDetail,
  Fault,
  Finding,
  FindingInfo,
  Format,
  ModelInfo,
  OperatingPoint,
  OperatingPointDetail,
  ProgressDetail,
  Ready,
  ReadyDetail,
  Report,
  Result,
  ResultDetail,
} from '../element/protocol.js';

/** What the element fires, beside what every element does. */
export interface LungEventMap {
  'lung-progress': CustomEvent<ProgressDetail>;
  'lung-ready': CustomEvent<ReadyDetail>;
  'lung-result': CustomEvent<ResultDetail>;
  'lung-error': CustomEvent<ErrorDetail>;
  'lung-done': CustomEvent<DoneDetail>;
  'lung-operating-point': CustomEvent<OperatingPointDetail>;
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
  add(files: Iterable<File> | DataTransfer): void;
  /** @deprecated It is now `add()`. */
  take(files: Iterable<File> | DataTransfer): void;
  /** The newest first. */
  readonly results: Result[];
  /** With a name only the result of that name. */
  exportResults(format: Format, name?: string): Promise<Blob>;
  /** Versions, device, adapter, timings and the last error, in English; nothing about an image. */
  diagnostics(): Promise<string>;
  cancel(): void;
  resumeQueue(): void;
  /** @deprecated It is now `resumeQueue()`. */
  proceed(): void;
  /** With a name only the result of that name. */
  forget(name?: string): void;
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
  persist?: boolean;
  /** @deprecated It is now `persist`. */
  resume?: boolean;
  lang?: string;
  theme?: 'auto' | 'light' | 'dark';
  /** The folder's address; empty for the one beside the element. */
  samples?: string;
  name?: string;
  disabled?: boolean;
  'operating-point'?: string;
}

declare global {
  interface HTMLElementTagNameMap {
    'lung-xray-classifier': LungXrayClassifier;
  }
}
