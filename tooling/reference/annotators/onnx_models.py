"""Tiny models in the layout that @huggingface/transformers reads, for packages/annotators/fixtures/transformers.

Run: tooling/reference/.venv/bin/pip install onnx==1.23.2
     tooling/reference/.venv/bin/python tooling/reference/annotators/onnx_models.py
depth-anything: inverse depth is the normalised red channel. segformer: the logits of three classes are red, green and
blue, each the mean of 4x4 pixels.
"""
import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

out = Path(__file__).parents[3] / "packages/annotators/fixtures/transformers"
FLOAT = TensorProto.FLOAT


def save(name, config, nodes, output, shape, constants=()):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("pixel_values", FLOAT, ["batch", 3, "height", "width"])],
        [helper.make_tensor_value_info(output, FLOAT, shape)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    folder = out / name
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "onnx/model.onnx")
    processor = {
        "image_processor_type": config.pop("processor"),
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": 32, "width": 32},
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")


save(
    "depth-anything",
    {"model_type": "depth_anything", "architectures": ["DepthAnythingForDepthEstimation"], "processor": "DPTImageProcessor"},
    [helper.make_node("Gather", ["pixel_values", "red"], ["predicted_depth"], axis=1)],
    "predicted_depth",
    ["batch", "height", "width"],
    [helper.make_tensor("red", TensorProto.INT64, [], [0])],
)
save(
    "segformer",
    {
        "model_type": "segformer",
        "architectures": ["SegformerForSemanticSegmentation"],
        "id2label": {"0": "red", "1": "green", "2": "blue"},
        "label2id": {"red": 0, "green": 1, "blue": 2},
        "processor": "SegformerFeatureExtractor",
    },
    [helper.make_node("AveragePool", ["pixel_values"], ["logits"], kernel_shape=[4, 4], strides=[4, 4])],
    "logits",
    ["batch", 3, "rows", "columns"],
)
