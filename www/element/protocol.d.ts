/**
 * What the element, the client and the worker say to each other, and what a report looks like.
 * Types only: nothing here is ever loaded by a page.
 */

/** The id of a finding: whatever the network was trained with. */
export type Finding = string;

/** Where the network runs. */
export type Device = 'webgpu' | 'cpu';

/** What may be asked for: `auto` takes WebGPU where there is one. */
export type DeviceWish = Device | 'auto';

/** An error a user can cause or meet: one sentence of what happened, one of what to do. */
export interface Fault {
  /** Kebab-case, stable. */
  code: string;
  message: string;
  advice: string;
}

/** What is said about one file, as docs/reference/reading.schema.json describes it; `lung_web` gives it whole. */
export interface Report {
  /** Of the schema. */
  version: 1;
  finding: Finding;
  /** Sum to 1. */
  probabilities: Record<Finding, number>;
  /**
   * The findings that the image may show, the most probable first, and the share of images with a finding that have it in their set.
   * Null where the operating point has no thresholds. `predictionSet` in `format.js` reads it, also as the list that an earlier release may
   * have kept.
   */
  prediction_set: { coverage: number; findings: Finding[] } | Finding[] | null;
  /**
   * How like a frontal chest X-ray the image is, 0 to 1, and whether that is enough: where it is not, the probabilities mean nothing.
   * Null where the bundle cannot tell.
   */
  in_distribution: { score: number; accepted: boolean } | null;
  /** Per finding 7 rows of 7 numbers in logit units; their sum is the finding's logit. */
  evidence: Record<Finding, number[][]>;
  /** Name of the bundle's operating point that it was classified at. */
  operating_point: string;
  /** The bundle's id, such as `mobilenet-lung-0123456789ab`. */
  model: string;
  device: Device;
  /** Milliseconds. */
  timings: { decode_ms?: number; preprocess_ms: number; inference_ms: number };
  /** Where the radiograph came from; width and height in pixels, as it stands upright. */
  source: { format: string; bits: number; false_colour: boolean; orientation: number; width: number; height: number };
  /** Why the file may not be a frontal chest radiograph, by what it says of itself. */
  cautions: Caution[];
  /** What the file says of its image, where it is DICOM. */
  dicom?: DicomFacts;
}

/** A reason not to believe the report, in a sentence. */
export interface Caution {
  /** Kebab-case, stable. */
  code: string;
  message: string;
  /** How many images there are, where the caution is of that. */
  count?: number;
}

/** What a DICOM file says of its image; nothing of it is about the patient. Codes are in capitals, as DICOM has them. */
export interface DicomFacts {
  /** `DX` and `CR` are radiography. */
  modality: string | null;
  body_part: string | null;
  /** `PA`, `AP`, `LL`, `RL` and others. */
  view: string | null;
  laterality: 'right' | 'left' | 'both' | 'unpaired' | null;
  photometric: string;
  /** Centre and width in the unit of the values; null for colour. */
  window: { centre: number; width: number; shape: string; origin: 'file' | 'pixels' | 'caller' } | null;
  /** The least and the greatest value. */
  range: [number, number] | null;
  frames: number;
  /** Millimetres between rows and between columns. */
  pixel_spacing: [number, number] | null;
}

/** A finding of the bundle. */
export interface FindingInfo {
  id: string;
  /** In English. */
  name: string;
  /** By the code of the language. */
  translations?: Record<string, string>;
  role?: 'normal';
  codes?: Array<{ system: string; code: string; meaning: string }>;
  /** `#rrggbb` */
  colour?: string;
}

/** How probabilities become calls: which mix of patients they are weighed for. */
export interface OperatingPoint {
  name: string;
  /** In English. */
  description: string;
  translations?: Record<string, string>;
  /** What is added to the logit of each finding. */
  offsets: Record<Finding, number>;
  prediction_sets?: { coverage: number; thresholds: Record<Finding, number> };
}

/** The bundle's metadata as far as the element shows it. */
export interface ModelInfo {
  id?: string;
  architecture?: string;
  /** In the order of their rows. */
  findings?: FindingInfo[];
  operating_points?: OperatingPoint[];
  default_operating_point?: string;
  /** What is to be said of images whose prediction set holds just these findings. */
  set_sentences?: Array<{ findings: Finding[]; sentence: string; translations?: Record<string, string> }>;
  /** How it did on images it was not trained on, if anybody measured. */
  tests?: Array<{ split: string; operating_point: string; accuracy: { correct: number; images: number; share: number; interval: [number, number] } }>;
  licence?: string;
  [key: string]: unknown;
}

/** How far start-up has come. Bytes are those that arrived; `total` is null while the server has not said. */
export type Progress = { stage: 'download'; loaded: number; total: number | null } | { stage: 'start'; loaded: number; total: number | null };

/** The builds of the WebAssembly, by the names of their folders. */
export type Build = 'webgpu' | 'cpu' | 'cpu-relaxed';

/** Why it is not WebGPU. */
export interface Fallback {
  /** In a sentence. */
  fallback: string;
  /** Kebab-case, stable. */
  fallbackCode: string;
}

/** A started classifier; on the CPU with the reason why, unless that was asked for. */
export interface Ready extends Partial<Fallback> {
  device: Device;
  model: ModelInfo;
}

/** One image, answered. */
export interface Answer {
  /** The number it was asked for under; the page gives no number twice. */
  id: number;
  /** The hash of the bytes that were read. */
  content: string;
  report: Report;
  /** The radiograph to look at, at most `PICTURE_SIDE` pixels on its longer side. */
  picture: ImageBitmap | null;
  /** The same small: 56 rows of 56 bytes of grey. A worker's first answer goes without. */
  small?: Uint8Array;
}

/** Page to two workers that are to divide images; what they say to each other goes through the port. */
export type Pairing =
  /** The one at the other end assists with each image. */
  | { type: 'partner'; port: MessagePort }
  /** It assists the one at the other end. */
  | { type: 'assist'; port: MessagePort }
  /** Nobody assists any more. */
  | { type: 'alone' };

/** Page to worker. A blob is a handle: its bytes are read in the worker and never pass through the page. */
export type Request =
  | Pairing
  | { type: 'start'; build: Build }
  /** What the start waits for. */
  | { type: 'module'; module: WebAssembly.Module }
  | { type: 'bundle'; bytes: ArrayBuffer; file: string }
  /** An image that will be asked for under this number: it can be read already. Without an operating point it is the default. */
  | { type: 'ahead'; id: number; blob: Blob; operatingPoint?: string }
  | { type: 'classify'; id: number; blob: Blob; operatingPoint?: string }
  /**
   * The picture in a window: of the image that was classified as number `of`, which is read again if another one came since, and
   * refused if its content is no longer the one that was read.
   */
  | { type: 'window'; id: number; of: number; blob: Blob; content: string; centre: number; width: number };

/** Worker to page. */
export type Reply =
  | { type: 'ready'; ready: Ready }
  /** The bundle given back, for the next worker. */
  | { type: 'bundle'; bytes: ArrayBuffer; file: string }
  /** The bundle is damaged: another copy of it is waited for. */
  | { type: 'damaged'; fault: Fault }
  /** Start-up refused: this worker is of no further use. */
  | { type: 'failed'; fault: Fault }
  | { type: 'result'; id: number; answer: Answer }
  | { type: 'windowed'; id: number; picture: ImageBitmap }
  /** This image was refused; the next one is welcome. `content` is the hash of its bytes, where it was read. */
  | { type: 'error'; id: number; fault: Fault; content?: string }
  /** The WebAssembly trapped or the GPU is gone: this worker must be replaced. */
  | { type: 'crashed'; reason: 'trap' | 'device-lost'; detail: string };

/** What `lung_web.js` exports, as far as the worker uses it. */
export interface LungWeb {
  default(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  LungClassifier: {
    /** Makes ready what needs no weights, while they download. */
    prepare(): Promise<void>;
    /** `sha256` is the hash of the bytes, where somebody works it out beside it. */
    load(bytes: Uint8Array, file: string, sha256?: Promise<ArrayBuffer>): Promise<LungClassifierHandle>;
    /** Of the builds for the CPU: how much memory two of them share to divide images. */
    sharedBytes?(): number;
  };
  DecodedImage: new (bytes: Uint8Array) => DecodedImage;
  /** Takes the function of `runtime/readers` that reads rare formats; until then they are refused with the code `reader-missing`. */
  useReaders(answer: Function): void;
}

/** An image that is decoded, on the WebAssembly side; gone once it is classified. */
export interface DecodedImage {
  free(): void;
}

/** A loaded classifier on the WebAssembly side. */
export interface LungClassifierHandle {
  readonly device: Device;
  readonly model: ModelInfo;
  /** The radiograph last decoded. */
  readonly picture?: Pixels;
  /** The same in another window; undefined where there is none. */
  windowed(centre: number, width: number): Pixels | undefined;
  /** At an operating point; without a name at the default. */
  classify(bytes: Uint8Array, operatingPoint?: string): Promise<Report>;
  classifyDecoded(image: DecodedImage, operatingPoint?: string): Promise<Report>;
  /** Builds for the CPU: another worker does half of the arithmetic, and is told the number of each image by `ask`. Without both, alone again. */
  workWith?(memory?: SharedArrayBuffer, ask?: (image: number) => void): void;
  /** Builds for the CPU: half of the arithmetic of another worker's image. */
  assist?(memory: SharedArrayBuffer, image: number): boolean;
  /** Decodes without classifying. */
  look(bytes: Uint8Array): void;
}

/** A radiograph in RGBA, perhaps scaled down. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

/** Detail of `lung-progress`. */
export type ProgressDetail = Progress;

/** Detail of `lung-ready`. */
export type ReadyDetail = Ready;

/** Detail of `lung-result`. */
export interface ResultDetail {
  name: string;
  report: Report;
}

/** Detail of `lung-error`; `name` is missing when start-up failed, not one image. */
export interface ErrorDetail extends Fault {
  name?: string;
}

/** Detail of `lung-operating-point`: the operating point that the images shown have been answered at anew. */
export interface OperatingPointDetail {
  name: string;
}

/** What results are saved as. */
export type Format = 'csv' | 'json' | 'xlsx';

/** Detail of `lung-done`: how many images were answered, failed, and were cancelled since the last one. */
export interface DoneDetail {
  answered: number;
  failed: number;
  cancelled: number;
}

/**
 * An image and what came of it. `absent` is one whose file has to be chosen again after a reload.
 */
export interface Result {
  /** Of no other result: with the folders it lies in, from the one that was chosen or dropped, and a number where that is not enough. */
  name: string;
  state: 'waiting' | 'working' | 'cancelled' | 'absent' | 'error' | 'done';
  report?: Omit<Report, 'evidence'>;
  error?: Fault;
}
