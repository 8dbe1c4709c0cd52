// @ts-check
/**
 * English: what every other language translates. `{name}` is filled in; where a number decides, there is a text for each
 * plural form. What goes wrong is told in English where it happens; `en-faults.js` has what translators translate of it.
 */
export default {
  // Dropping and choosing files
  'drop.one': 'Drop a chest X-ray here',
  'drop.several': 'Drop chest X-rays here',
  'hint.one': 'or paste it. DICOM, PNG, JPEG, WebP, BMP, TIFF or GIF, up to {megabytes} MB.',
  'hint.several': 'or paste them. DICOM, PNG, JPEG, WebP, BMP, TIFF or GIF, up to {megabytes} MB.',
  'choose.one': 'Choose a file',
  'choose.several': 'Choose files',
  notice: 'Research software, not a medical device. The image never leaves this machine.',
  unnamed: 'Image {number}',

  // How far the start has come
  'status.idle': 'The classifier is downloaded when it is first needed.',
  'status.preparing': 'Getting ready…',
  'status.preparingLabel': 'Getting ready',
  'status.downloading': 'Downloading the classifier: {share}',
  'status.starting': 'Starting the classifier…',
  'status.ready': 'Ready',
  'status.readyOn': 'Ready, on {device}.',
  'status.runsOn': 'Runs on {device}',
  'status.tested': { one: 'right on {percent} of {count} test image', other: 'right on {percent} of {count} test images' },
  'device.webgpu': 'WebGPU',
  'device.cpu': 'CPU (WebAssembly SIMD)',
  again: 'Try again',
  code: 'Code: {code}',
  told: 'In English:',

  // Why it is not WebGPU; in English the sentence that was told is shown
  'fallback.no-webgpu': 'This browser offers no WebGPU to this page.',
  'fallback.no-adapter': 'This browser has WebGPU but found no graphics adapter for it.',
  'fallback.webgpu-unavailable': 'WebGPU cannot be used here.',
  'fallback.webgpu-stopped': 'WebGPU stopped working on this page.',
  'fallback.webgpu-not-started': 'WebGPU did not start on this page.',

  // Findings, by themselves or at the beginning, and within a sentence
  'finding.Normal': 'Normal',
  'finding.Lung_Opacity': 'Lung opacity',
  'finding.Viral Pneumonia': 'Viral pneumonia',
  'within.Normal': 'normal',
  'within.Lung_Opacity': 'lung opacity',
  'within.Viral Pneumonia': 'viral pneumonia',

  // What was found
  'result.mostLikely': 'Most likely finding',
  'result.outcome': '{finding} {percent}',
  'result.outcomeOr': '{finding} {percent}, or {others}',
  'result.unlike': 'This does not look like a frontal chest X-ray.',
  'result.unlikeMeans': 'The network answers whatever it is shown. What it answers to an image like this one means nothing.',
  'result.allTheSame': 'What it answers all the same',
  'result.spoken': '{name}: {outcome}',
  'set.all': 'Any of the three: the model cannot tell them apart at {percent}.',
  'set.some': '{findings}: the model cannot tell these apart at {percent}.',
  'set.one': '{finding} alone: the model rules the others out at {percent}.',
  'set.none': 'None of the three: the model rules them all out at {percent}.',

  // The evidence over the picture
  'picture.label': 'Radiograph {name}',
  'evidence.show': 'Show where in the image',
  'evidence.for': 'Evidence for',
  'evidence.strength': 'Strength',
  'evidence.against': 'against',
  'evidence.inFavour': 'for',

  // The facts below
  'facts.time': 'Time',
  'facts.times': '{whole} in all: {parts}',
  'facts.decode': 'decode {time}',
  'facts.preprocess': 'preprocess {time}',
  'facts.inference': 'inference {time}',
  'facts.ranOn': 'Ran on',
  'facts.ranOnBecause': '{device}. {reason}',
  'facts.image': 'Image',
  'facts.pixels': '{width} × {height} pixels',
  'facts.bits': '{bits} bit',
  'facts.falseColour': 'false colour undone',
  'facts.gone': '{image}. Its picture is no longer kept: choose the file again to see it',
  'facts.comma': ', ',
  'facts.likeness': 'Likeness',
  'facts.likenessIs': '{score} of 1 to the X-rays the network knows',
  'facts.model': 'Model',

  // What a DICOM file says of its image
  'caution.label': 'Cautions',
  'dicom.modality': 'Modality',
  'dicom.bodyPart': 'Body part',
  'dicom.view': 'View',
  'dicom.side': 'Side',
  'modality.CR': 'Computed radiography (CR)',
  'modality.DX': 'Digital radiography (DX)',
  'modality.RG': 'Film (RG)',
  'bodyPart.CHEST': 'Chest',
  'view.PA': 'From behind (PA)',
  'view.AP': 'From the front (AP)',
  'view.FRONTAL': 'Frontal',
  'view.LL': 'Left lateral (LL)',
  'view.RL': 'Right lateral (RL)',
  'side.right': 'Right',
  'side.left': 'Left',
  'side.both': 'Both',
  'side.unpaired': 'Not one of two',

  // The list of images
  'list.label': 'Images',
  'list.waiting': 'Waiting',
  'list.reading': 'Reading…',
  'list.older': { one: 'Show {some} of {count} older image', other: 'Show {some} of {count} older images' },

  // Numbers with their units, which stay on one line
  'number.percent': '{number}\u00a0%',
  'number.above': '>\u00a0{value}',
  'number.below': '<\u00a0{value}',
  'number.kilobytes': '{number}\u00a0kB',
  'number.megabytes': '{number}\u00a0MB',
  'number.kilobytesOf': '{loaded}\u00a0kB of {total}\u00a0kB',
  'number.megabytesOf': '{loaded} of {total}\u00a0MB',
  'number.seconds': '{number}\u00a0s',
  'number.milliseconds': '{number}\u00a0ms',

  // The page around the element
  'page.name': 'MobileNet-Lung: read a chest X-ray in the browser',
  'page.description': 'Normal, lung opacity or viral pneumonia: a chest X-ray classifier that runs in the browser. The image never leaves the machine.',
  'page.language': 'Language',
  'page.languageFailed': 'This language could not be loaded. Check the connection and choose it again.',
  'page.title': 'Read a chest X-ray on your own machine',
  'page.lede': 'A small network runs inside this page and says whether a frontal chest X\u2011ray looks normal, shows a lung opacity, or looks like viral pneumonia, and where in the image it sees that.',
  'page.help': 'How to read a result',
  'page.probabilities': 'Probabilities',
  'page.probabilitiesAre': 'How the network divides its belief among the three findings it knows. It always divides all of it, also for an image that shows something else.',
  'page.rulesOut': 'What it rules out',
  'page.rulesOutIs': 'Below the finding stands what else cannot be ruled out. Of images like those it was tested on, nine in ten of each finding are named there.',
  'page.likeness': 'Likeness',
  'page.likenessIs': 'How like a frontal chest X-ray the image is. Below one half the page warns instead of naming a finding. Some images that are no chest X-ray pass all the same.',
  'page.evidence': 'Evidence',
  'page.evidenceIs': 'Orange regions speak for the chosen finding, blue ones against it, compared with the other findings. The map is 7 by 7 cells, smoothed: it shows a region, not an outline.',
  'page.limits': 'Limits',
  'page.limitsAre': 'In the images it learned from, every viral pneumonia is of a child and most other images are of adults, so age can sway it. It learned from frontal views. It does not replace a radiologist.',
  'page.foot': 'MobileNetV2 with attention, trained and run in Rust. MIT or Apache-2.0.',
};
