"""The narrator's voice is the same bytes on every x86-64 processor."""

import hashlib
import platform

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from stages.demo.network import shift_weights, widen_softmax
from stages.demo.voice import speak


def model(nodes, inputs, outputs, tensors=()):
    values = [[helper.make_tensor_value_info(name, kind, None) for name, kind in part] for part in (inputs, outputs)]
    constants = [numpy_helper.from_array(value, name) for name, value in tensors]
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(helper.make_graph(nodes, "network", *values, constants), opset_imports=opset, ir_version=8)


def run(network, **given):
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


def test_products_of_bytes_are_exact_where_the_largest_meet():
    weights = np.full((64, 8), 127, np.int8)
    weights[:, ::2] = -128
    network = model(
        [helper.make_node("MatMulInteger", ["x", "weights", "zero", "shift"], ["y"])],
        [("x", TensorProto.UINT8)],
        [("y", TensorProto.INT32)],
        [("weights", weights), ("zero", np.uint8(3)), ("shift", np.int8(-5))],
    )
    shift_weights(network.graph)
    assert all(tensor.data_type == TensorProto.UINT8 for tensor in network.graph.initializer)
    x = np.random.default_rng(0).integers(200, 256, (4, 64)).astype(np.uint8)
    assert (run(network, x=x) == (x.astype(int) - 3) @ (weights.astype(int) + 5)).all()


def test_softmax_is_worked_out_in_doubles():
    network = model(
        [helper.make_node("Softmax", ["x"], ["y"], axis=-1)], [("x", TensorProto.FLOAT)], [("y", TensorProto.FLOAT)]
    )
    widen_softmax(network.graph)
    x = np.random.default_rng(0).normal(0, 4, (50, 33)).astype(np.float32)
    wide = np.exp(x.astype(float))
    assert (run(network, x=x) == (wide / wide.sum(-1, keepdims=True)).astype(np.float32)).mean() > 0.999


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="measured on x86-64")
def test_a_sentence_has_the_samples_it_has_on_other_processors():
    said = speak("The glands are lined by atypical epithelium with hyperchromatic nuclei.", seed=0, speed=1.0)
    assert hashlib.md5(said.samples.tobytes()).hexdigest() == "6e28b1db754caad5bd8a62fff34531c1"
