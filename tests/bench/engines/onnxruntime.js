// @ts-check
/** onnxruntime-web on the ONNX file of our bundle; the runtime's own defaults. */

import { fetchBytes, measure, softmax, threads } from './page.js';

const query = new URL(location.href).searchParams;
const module = query.get('module') ?? '';

measure(async (device) => {
  const [ort, model, values] = await Promise.all([
    import(module),
    fetchBytes('/model.onnx'),
    fetchBytes('/input.nchw').then((buffer) => new Float32Array(buffer)),
  ]);
  ort.env.wasm.wasmPaths = '/onnxruntime/';
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [device === 'webgpu' ? 'webgpu' : 'wasm'],
    // The batch is 1: knowing it, the runtime can plan its memory and drop what shapes need at run time.
    freeDimensionOverrides: { batch: 1 },
  });
  return async () => {
    const start = performance.now();
    const input = new ort.Tensor('float32', values, [1, 3, 224, 224]);
    const { logits } = await session.run({ input });
    const data = await logits.getData();
    const milliseconds = performance.now() - start;
    return { milliseconds, probabilities: softmax([...data]) };
  };
});
