"""The native peers beside `lung bench`: answers the same requests, one line of JSON each, on the same network.

    python native.py --model FILE.safetensors --onnx FILE.onnx --tflite FILE.tflite --threads N

`crates/lung-train/src/bench.rs` documents requests and replies. Here a request also names an `"engine"`: `onnxruntime`, `openvino`,
`litert` or `pytorch` for `check` and `latency`, `pytorch` or `compiled` for `check` and `train`. An engine is loaded when it is
first asked for. `cargo xtask bench` runs both programs in turns.
"""

import argparse
import json
import os
import sys
import time
from functools import cache
from pathlib import Path

# Libraries read these when they are loaded.
threads = argparse.ArgumentParser(add_help=False)
threads.add_argument("--threads", type=int, default=os.cpu_count())
THREADS = threads.parse_known_args()[0].threads
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(THREADS)

import numpy

from bundle import SIDE, calibration, noise, read_bundle


class Onnxruntime:
    def __init__(self, bench):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        self.session = onnxruntime.InferenceSession(bench.static_onnx(), options, providers=["CPUExecutionProvider"])
        self.images = noise(3 * SIDE * SIDE).reshape(1, 3, SIDE, SIDE)

    def run(self) -> numpy.ndarray:
        return self.session.run(["evidence"], {"input": self.images})[0]


class OpenVino:
    def __init__(self, bench):
        import openvino

        core = openvino.Core()
        model = core.read_model(bench.static_onnx())
        self.request = core.compile_model(model, "CPU", {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": THREADS,
            "NUM_STREAMS": 1,
            # Without this a CPU with bf16 may leave f32.
            "INFERENCE_PRECISION_HINT": "f32",
        }).create_infer_request()
        self.images = noise(3 * SIDE * SIDE).reshape(1, 3, SIDE, SIDE)

    def run(self) -> numpy.ndarray:
        self.request.infer({0: self.images}, share_inputs=True)
        return self.request.get_output_tensor().data


class LiteRt:
    def __init__(self, bench):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(bench.arguments.tflite), num_threads=THREADS)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]
        images = noise(3 * SIDE * SIDE).reshape(1, 3, SIDE, SIDE)
        self.images = numpy.ascontiguousarray(images.transpose(0, 2, 3, 1))

    def run(self) -> numpy.ndarray:
        self.interpreter.set_tensor(self.input, self.images)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output).transpose(0, 3, 1, 2)


class PyTorch:
    """Has logits in place of evidence."""

    def __init__(self, bench, compiled=False):
        import torch
        import torch_network

        torch.set_num_threads(THREADS)
        self.torch, self.images, self.calibration = torch, torch_network.images, bench.calibration
        self.network = torch_network.Network(bench.about, bench.state, compiled)
        self.image = self.images(1)

    def run(self) -> numpy.ndarray:
        with self.torch.inference_mode():
            return self.network.forward(self.image).numpy()

    def check(self) -> dict:
        images = self.images(2)
        loss = self.network.loss(images)
        (gradient,) = self.torch.autograd.grad(loss, [self.network.weights["features.0.0.weight"]])
        return {"loss": loss.item(), "gradient": gradient.abs().sum().item()}


ENGINES = {
    "onnxruntime": Onnxruntime,
    "openvino": OpenVino,
    "litert": LiteRt,
    "pytorch": PyTorch,
    "compiled": lambda bench: PyTorch(bench, compiled=True),
}


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.about, self.state = read_bundle(arguments.model)
        scales, offsets = calibration(self.about)
        self.calibration = numpy.array(scales, dtype=numpy.float32), numpy.array(offsets, dtype=numpy.float32)

    @cache
    def engine(self, name: str):
        if name not in ENGINES:
            sys.exit(f"there is no engine {name}")
        return ENGINES[name](self)

    @cache
    def network(self, name: str):
        import networks
        import torch

        torch.set_num_threads(THREADS)
        return networks.PaperNetwork(name)

    @cache
    def static_onnx(self) -> bytes:
        """The network for one image, without what follows the evidence: a runtime can plan its memory."""
        import onnx
        from onnx.utils import Extractor

        model = onnx.load(self.arguments.onnx)
        model = Extractor(model).extract_model(["input"], ["evidence"])
        for value in [*model.graph.input, *model.graph.output]:
            value.type.tensor_type.shape.dim[0].dim_value = 1
        del model.graph.value_info[:]
        return model.SerializeToString()

    def answer(self, request: dict) -> dict:
        if "network" in request:
            return self.of_network(request)
        match request["do"]:
            case "check":
                return self.check(request["engine"])
            case "latency":
                return timed(request["times"], self.engine(request["engine"]).run)
            case "train":
                engine = self.engine(request["engine"])
                images = engine.images(request["batch"])
                return timed(request["times"], lambda: engine.network.train(images))
            case "memory":
                return {"peak_bytes": peak_bytes()}
            case other:
                sys.exit(f"no request: {other}")

    def check(self, name: str) -> dict:
        engine = self.engine(name)
        result = engine.run()[0]
        if isinstance(engine, PyTorch):
            scales, offsets = self.calibration
            return {"probabilities": softmax(result * scales + offsets), **engine.check()}
        # Evidence is calibrated by its maker: its sum over the places is the logits.
        return {"probabilities": softmax(result.reshape(3, -1).sum(1))}

    def of_network(self, request: dict) -> dict:
        from torch_network import images

        network = self.network(request["network"])
        if request["do"] == "check":
            return {"probabilities": network.probabilities()}
        batch = images(request["batch"])
        return timed(request["times"], lambda: network.train(batch))


def softmax(logits: numpy.ndarray) -> list[float]:
    powers = numpy.exp(logits - logits.max())
    return (powers / powers.sum()).tolist()


def timed(times: int, step) -> dict:
    milliseconds = []
    for _ in range(times):
        start = time.perf_counter()
        step()
        milliseconds.append((time.perf_counter() - start) * 1e3)
    return {"ms": milliseconds}


def peak_bytes() -> int | None:
    """The largest resident size of this process so far; None where there is no /proc."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], parents=[threads])
    parser.add_argument("--model", type=Path, required=True, help="weights file that `lung export` wrote")
    parser.add_argument("--onnx", type=Path, required=True, help="the same as ONNX")
    parser.add_argument("--tflite", type=Path, required=True, help="the same, of tflite.py")
    bench = Bench(parser.parse_args())
    # Only answers go to standard output: some libraries greet there.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(bench.answer(json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
