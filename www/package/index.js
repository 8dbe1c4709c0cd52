// @ts-check
/** The class alone; nothing is registered. */

export { LungError } from '../element/client.js';
export { LungXrayClassifier } from '../element/lung-xray-classifier.js';
