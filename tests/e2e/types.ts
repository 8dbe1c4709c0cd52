/** The types of the package are those of the element: this file compiles, or they are not. */

import type { LungError as DeclaredError, LungXrayClassifier as Declared } from '../../www/package/index.js';
import type { LungError } from '../../www/element/classifier/faults.js';
import type { LungXrayClassifier } from '../../www/element/lung-xray-classifier.js';

/** What it has of its own, but for what the browser calls. */
type Own<T> = Exclude<keyof T, keyof HTMLElement | `${string}Callback`>;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
type Holds<T extends true> = T;

export type Checks = [
  Holds<Same<Own<LungXrayClassifier>, Own<Declared>>>,
  Holds<Same<Pick<LungXrayClassifier, Own<Declared>>, Pick<Declared, Own<Declared>>>>,
  Holds<Same<Pick<LungError, 'code' | 'advice' | 'message'>, Pick<DeclaredError, 'code' | 'advice' | 'message'>>>,
];
