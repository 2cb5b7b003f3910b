"""The voice's network, rewritten so that every processor works out the same numbers.

As packaged it gives different samples on different processors. Its weights are signed bytes, whose products overflow
where there is no VNNI instruction; a sum in its softmax is as wide as the processor's registers; and since it rounds to
bytes between layers, a difference in the last bit can become audible.
"""

from typing import Any

import numpy as np


def load(path: str) -> Any:
    """Return an onnxruntime session of the network in `path`."""
    import onnx
    import onnxruntime

    model = onnx.load(path)
    shift_weights(model.graph)
    widen_softmax(model.graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Fused layers and blocked layouts are chosen by processor.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def shift_weights(graph: Any) -> None:
    """Store signed weights and their zero points as unsigned bytes, 128 higher: the same products, without overflow."""
    from onnx import TensorProto, numpy_helper

    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.INT8:
            shifted = numpy_helper.to_array(tensor).astype(np.int16) + 128
            tensor.CopyFrom(numpy_helper.from_array(shifted.astype(np.uint8), tensor.name))


def widen_softmax(graph: Any) -> None:
    """Work out each softmax in doubles, for which there is one kernel on all processors."""
    from onnx import TensorProto, helper

    nodes = []
    for node in graph.node:
        if node.op_type != "Softmax":
            nodes.append(node)
            continue
        before, after = node.input[0], node.output[0]
        node.input[0], node.output[0] = f"{before}_{after}_double", f"{after}_double"
        nodes += [
            helper.make_node("Cast", [before], [node.input[0]], to=TensorProto.DOUBLE),
            node,
            helper.make_node("Cast", [node.output[0]], [after], to=TensorProto.FLOAT),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
