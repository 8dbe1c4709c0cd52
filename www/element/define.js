// @ts-check
/** Registers `<lung-xray-classifier>`. Import this one file to use the element. */

// Named here only to be fetched at once: each would otherwise wait for the one that imports it.
import './classifier/faults.js';
import './classifier/life.js';
import './classifier/pool.js';
import './download.js';
import './intake/drop-zone.js';
import './intake/given.js';
import './intake/intake.js';
import './intake/paste.js';
import './parts/connection.js';
import './parts/context.js';
import './parts/details.js';
import './parts/dom.js';
import './parts/fetched.js';
import './parts/form.js';
import './parts/loading.js';
import './parts/names.js';
import './parts/sample-offer.js';
import './parts/sheet.js';
import './parts/speech.js';
import './parts/status.js';
import './parts/styles.js';
import './picture/evidence.js';
import './picture/viewer.js';
import './results/card.js';
import './results/dicom-facts.js';
import './results/entry.js';
import './results/list.js';
import './results/points.js';
import './results/reader.js';
import './results/tab.js';
import './start.js';
import './words/en.js';
import './words/format.js';
import './words/words.js';

import { LungXrayClassifier } from './lung-xray-classifier.js';

if (!customElements.get('lung-xray-classifier')) customElements.define('lung-xray-classifier', LungXrayClassifier);

export { LungXrayClassifier };
