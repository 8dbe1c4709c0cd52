/** Registers `<lung-xray-classifier>`. */
export { LungXrayClassifier } from './index.js';
