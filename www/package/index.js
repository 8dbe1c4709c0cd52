// @ts-check
/** The class alone; nothing is registered. */

export { LungError, LungXrayClassifier } from '../element/lung-xray-classifier.js';
