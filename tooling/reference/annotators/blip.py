"""Fixtures for BLIP: tiny random BlipForConditionalGeneration with what transformers 5.23.0 (torch 2.15.0) makes of pictures.

Run: tooling/reference/.venv/bin/python tooling/reference/annotators/blip.py [FOLDER [SEED]]
FOLDER (packages/annotators/fixtures/blip) gets, for each network, its folder: "new" as version 5 writes it, "old" as version 4
did, "shards" with several files and a head of its own; reference.bin.gz with pictures, features and logits; captions.json with
tokens and texts of many searches. A SEED makes other networks of other sizes, to compare at random.
"""
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipImageProcessor, BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

sys.path.insert(0, str(Path(__file__).parents[1] / "preprocessors"))
from arrays import write_arrays  # noqa: E402

torch.set_num_threads(1)
out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[3] / "packages/annotators/fixtures/blip")
seed = int(sys.argv[2]) if len(sys.argv) > 2 else None
rng = random.Random(seed or 0)

WORDS = """[PAD] [UNK] [CLS] [SEP] [MASK] a the of on in and with two photo ##graph ##y picture dog cat woman man tree house red
blue sitting stand ##ing ##s ##ed . , ' ! ? - s t grass beach couch ball her his black white ##ly ride horse""".split()
START = len(WORDS)  # as published: beyond the tokenizer's own words, as its like for encoders is

SEEDS = {"new": 17, "old": 18, "shards": 2}
SIZES = {
    "new": (dict(hidden_size=18, intermediate_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=24, patch_size=6),
            dict(hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=40)),
    "old": (dict(hidden_size=12, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1, image_size=20, patch_size=6,
                 hidden_act="quick_gelu", layer_norm_eps=1e-6),
            dict(hidden_size=16, intermediate_size=20, num_hidden_layers=1, num_attention_heads=4, max_position_embeddings=24,
                 hidden_act="relu")),
    "shards": (dict(hidden_size=10, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=16,
                    patch_size=4),
               dict(hidden_size=12, intermediate_size=16, num_hidden_layers=2, num_attention_heads=1,
                    max_position_embeddings=32, layer_norm_eps=1e-5)),
}
if seed is not None:
    for vision, text in SIZES.values():
        for part in (vision, text):
            part["num_attention_heads"] = rng.choice([1, 2, 3, 4])
            part["hidden_size"] = part["num_attention_heads"] * rng.choice([4, 5, 8])
            part["num_hidden_layers"] = rng.choice([1, 2, 3])

#: Searches by this project's names; what transformers calls them is below.
SEARCHES = [
    {}, {"prefix": "a photography of"}, {"prefix": "The DOG's"}, {"maxLength": 6}, {"minLength": 9}, {"repetitionPenalty": 1.6},
    {"beams": 2}, {"beams": 3}, {"beams": 5}, {"beams": 4, "maxLength": 9}, {"beams": 3, "lengthPenalty": 2.0},
    {"beams": 3, "lengthPenalty": 0.0}, {"beams": 3, "lengthPenalty": -1.5}, {"beams": 3, "earlyStopping": True},
    {"beams": 4, "earlyStopping": True, "lengthPenalty": 2.0, "prefix": "a photography of"},
    {"beams": 4, "lengthPenalty": 2.0, "maxLength": 10}, {"beams": 3, "earlyStopping": "never", "lengthPenalty": 2.0}, {"beams": 3, "minLength": 12}, {"beams": 2, "prefix": "a photography of"},
    {"beams": 4, "repetitionPenalty": 1.4, "prefix": "two cats"}, {"beams": 6, "minLength": 5, "maxLength": 16, "lengthPenalty": 0.6},
]
if seed is not None:
    def option(name, *values):
        return {name: rng.choice(values)} if rng.random() < 0.4 else {}
    SEARCHES = [option("beams", 1, 2, 3, 4, 7) | option("prefix", "a", "a picture of", "Dogs!") | option("maxLength", 7, 8, 13, 22)
                | option("minLength", 4, 8, 15) | option("lengthPenalty", -1.0, 0.0, 0.5, 1.5, 3.0)
                | option("repetitionPenalty", 0.8, 1.2, 2.0) | option("earlyStopping", True, False, "never") for _ in range(40)]
NAMES = {"beams": "num_beams", "maxLength": "max_length", "minLength": "min_length", "lengthPenalty": "length_penalty",
         "repetitionPenalty": "repetition_penalty", "earlyStopping": "early_stopping"}


def spread(model, end):
    """Weights so wide that captions differ from picture to picture and end at several lengths."""
    torch.manual_seed(SEEDS[network] if seed is None else seed)
    for name, parameter in model.named_parameters():
        wide = 2.2 / parameter[0].numel() ** 0.5
        if "word_embeddings" in name or "decoder.weight" in name:
            wide = 0.7
        elif "position" in name:
            wide = 1.2
        elif "transform.dense" in name:
            wide *= 2
        elif "crossattention.output" in name:
            wide *= 0.5
        parameter.data = torch.randn_like(parameter) * (0.4 if parameter.dim() == 1 else wide)
        if "norm" in name.lower() and name.endswith("weight"):
            parameter.data += 1.2
    with torch.no_grad():
        bias = model.text_decoder.cls.predictions.bias
        bias[end] += 4
        bias[START:] -= 4


def pictures():
    face = data.astronaut()
    noise = np.random.default_rng(seed or 0)
    return {"face": face[:200:5, 100:400:5], "tall": np.ascontiguousarray(face[200:500:4, 30:160:5]),
            "noise": noise.integers(0, 256, [9, 13, 3], np.uint8), "dark": (face[300:420:3, :180:3] // 6)}


arrays, cases = {}, []
images = {name: np.ascontiguousarray(image, np.uint8) for name, image in pictures().items()}
arrays |= {f"picture.{name}": image for name, image in images.items()}
for network, (vision, text) in SIZES.items():
    tied = network != "shards"
    text = dict(text, vocab_size=len(WORDS) + 2, bos_token_id=START, sep_token_id=WORDS.index("[SEP]"), pad_token_id=0,
                tie_word_embeddings=tied)
    config = BlipConfig(vision_config=vision, text_config=text, tie_word_embeddings=tied)
    model = BlipForConditionalGeneration(config).eval()
    spread(model, text["sep_token_id"])
    size = {"height": vision["image_size"], "width": vision["image_size"]}
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}, clean_up_tokenization_spaces=network == "old")
    processor = BlipProcessor(BlipImageProcessor(size=size), tokenizer)
    folder = out / network
    folder.mkdir(parents=True, exist_ok=True)
    if network == "old":
        state = model.state_dict() | {"text_decoder.bert.embeddings.position_ids":
                                      torch.arange(text["max_position_embeddings"])[None]}
        torch.save(state, folder / "pytorch_model.bin")
        saved = config.to_dict()
        saved["text_config"] |= {"max_length": 20, "num_beams": 1, "length_penalty": 1.0, "bad_words_ids": None,
                                 "early_stopping": False, "repetition_penalty": 1.0, "min_length": 0}
        (folder / "config.json").write_text(json.dumps(saved, indent=2) + "\n")
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
        (folder / "tokenizer_config.json").write_text(json.dumps(
            {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "clean_up_tokenization_spaces": True}) + "\n")
        processor.image_processor.save_pretrained(folder)
    else:
        model.save_pretrained(folder, **({} if tied else {"max_shard_size": "20KB"}))
        processor.save_pretrained(folder)

    tokens = torch.tensor([[START] + [rng.randrange(5, START) for _ in range(6)]])
    arrays[f"{network}.tokens"] = tokens[0].numpy().astype(np.int32)
    with torch.no_grad():
        for name, image in images.items():
            pixels = BlipImageProcessorPil(size=size)(Image.fromarray(image), return_tensors="pt").pixel_values
            fast = processor.image_processor(Image.fromarray(image), return_tensors="pt").pixel_values
            # torchvision resizes in floats: where pixels overshoot, Pillow cuts them off between its two passes.
            levels = ((pixels - fast).abs() * torch.tensor(processor.image_processor.image_std)[:, None, None]).max() * 255
            print(f"{network}, {name}: Pillow's pixels and torchvision's differ by up to {levels:.1f} levels")
            result = model(pixel_values=pixels, input_ids=tokens)
            arrays[f"{network}.{name}.seen"] = result.image_embeds[0].numpy()
            arrays[f"{network}.{name}.logits"] = result.logits[0].numpy()
            for search in SEARCHES if name == "noise" or seed is not None else SEARCHES[:2]:
                inputs = processor.tokenizer(search["prefix"], return_tensors="pt") if "prefix" in search else {}
                limits = {NAMES[key]: value for key, value in search.items() if key != "prefix"}
                if limits.get("max_length", 99) <= (inputs["input_ids"].shape[1] - 1 if inputs else 1):
                    continue
                found = model.generate(pixel_values=pixels, input_ids=inputs["input_ids"] if inputs else None,
                                       attention_mask=inputs["attention_mask"] if inputs else None, **limits)[0]
                cases.append({"network": network, "picture": name, "search": search, "tokens": found.tolist(),
                              "text": processor.decode(found, skip_special_tokens=True)})

write_arrays(out / "reference.bin.gz", arrays, "transformers 5.23.0, torch 2.15.0")
(out / "captions.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
for network in SIZES:
    own = [case["tokens"] for case in cases if case["network"] == network]
    print(network, len(own), "searches,", len({tuple(tokens) for tokens in own}), "captions of lengths",
          sorted({len(tokens) for tokens in own}))
