"""Tiny random CLIP text encoders with their outputs, and tokenised texts, as transformers computes them.

Versions: torch 2.15.0, transformers 5.23.0, open_clip_torch 3.3.0 (only for its copy of OpenAI's
vocabulary and its cleaning, both under the MIT licence; unpack its wheel and name the folder).
Run: tooling/reference/.venv/bin/python tooling/reference/text_encoder_fixtures.py [OPEN_CLIP_FOLDER]
Text encoders: one safetensors file each, "clip.*" in transformers' names, "in.tokens", "out.*".
Tokens: small-merges.txt was written by this project's trainBpe; openai.json holds those of OpenAI's merges that can
take part in the texts, with their true numbers, and the tokens of the texts by the whole vocabulary.
"""
import gzip
import json
import pathlib
import random
import sys
import unicodedata

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "packages/text-encoder/fixtures"
CASES = {
    "quick-gelu": dict(vocab_size=40, hidden_size=12, intermediate_size=20, num_hidden_layers=3, num_attention_heads=3,
                       max_position_embeddings=9, bos_token_id=38, eos_token_id=39, pad_token_id=39),
    "gelu": dict(vocab_size=33, hidden_size=10, intermediate_size=14, num_hidden_layers=2, num_attention_heads=1,
                 max_position_embeddings=7, bos_token_id=31, eos_token_id=32, pad_token_id=0, hidden_act="gelu",
                 layer_norm_eps=1e-4),
    **{name: dict(vocab_size=12, hidden_size=6, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2,
                  max_position_embeddings=5, bos_token_id=10, eos_token_id=11, pad_token_id=11, hidden_act=name)
       for name in ("relu", "silu")},
}


def make_encoder(name, **config):
    torch.manual_seed(len(name))
    clip = CLIPTextModel(CLIPTextConfig(**config)).eval()
    for key, parameter in clip.named_parameters():
        parameter.data = torch.randn_like(parameter) * (0.3 if parameter.dim() == 1 else 1 / parameter[0].numel() ** 0.5)
        if "norm" in key and key.endswith("weight"):
            parameter.data += 1
    tokens = torch.randint(0, config["vocab_size"], (3, config["max_position_embeddings"]))
    with torch.no_grad():
        full = clip(tokens, output_hidden_states=True)
        short = clip(tokens[:, :4])
        skipped = clip.final_layer_norm(full.hidden_states[-2])
    tensors = {f"clip.{k}": v for k, v in clip.state_dict().items()}
    tensors |= {"in.tokens": tokens.float(), "out.full": full.last_hidden_state, "out.short": short.last_hidden_state,
                "out.skipped": skipped, "out.penultimate": full.hidden_states[-2]}
    tensors = {k: v.contiguous().float() for k, v in tensors.items()}
    save_file(tensors, str(FIXTURES / f"{name}.safetensors"), {"config": clip.config.to_json_string()})


def texts():
    rng = random.Random(7)
    plain = ["a red cube on the grass", "it's, they'll! We'VE  i'm 'tis 'S", "10,000 cubes... #1 (best) 3.14", "",
             "   \t leading\nand trailing \r\n ", "Ünïcödé ÀÉÎ naïve café", "cafe\u0301 e\u0301\u0302", "猫 と 犬 고양이 кошка γάτα ΣΑΣ ΟΔΟΣ",
             "😀👩‍👩‍👧 flag 🇫🇷 ❤️", "İstanbul ǅ ﬁ ﬀ ½ ² Ⅷ", "a\u00a0b\u2003c\u200bd\ufeffe\u0085f\u3000g", "<|startoftext|>x<|endoftext|>!!",
             "<|ENDOFTEXT|>!! <|StartOfText|>", "a_b-c/d\\e @user http://x.y/?q=1&amp;r=2", "&lt;b&gt; &amp;amp; &eacute;", "日本語テキスト",
             "ｆｕｌｌｗｉｄｔｈ １２３", "“curly” ‘quotes’ — dash…", "\x00\x07control\x1b[31m", "đđ ßẞ ŉ ǰ ΐ", "नमस्ते ไทย العربية עברית", "x" * 90]
    ranges = [(32, 127), (160, 400), (0x370, 0x530), (0x590, 0x780), (0x900, 0xE80), (0x1E00, 0x2200), (0x2460, 0x2800),
              (0x3000, 0x3400), (0x4E00, 0x5000), (0xAC00, 0xAD00), (0xF900, 0xFFF0), (0x1D400, 0x1D500), (0x1F300, 0x1F700)]
    fuzz = []
    while len(fuzz) < 400:
        text = "".join(chr(rng.randrange(*rng.choice(ranges))) if rng.random() < 0.7 else rng.choice(" 's't\n!a")
                       for _ in range(rng.randrange(1, 24)))
        # Letters of later Unicode versions count as letters or not after the age of each program's tables.
        if all(unicodedata.category(c) != "Cn" for c in text):
            fuzz.append(text)
    return plain + fuzz


def vocabulary_of(merges):
    from transformers.convert_slow_tokenizer import bytes_to_unicode
    symbols = list(bytes_to_unicode().values())
    names = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return {name: i for i, name in enumerate(names)}


def tokenized(merges, samples):
    tokenizer = CLIPTokenizer(vocab=vocabulary_of(merges), merges=[tuple(m) for m in merges])
    cases = [[text, tokenizer(text, add_special_tokens=False)["input_ids"]] for text in samples]
    framed = tokenizer(samples[:4], padding="max_length", truncation=True, max_length=12)["input_ids"]
    words = {w for text in samples for w, _ in tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(
        tokenizer.backend_tokenizer.normalizer.normalize_str(text))}
    return {"framed": framed, "cases": cases}, {w + "</w>" for w in words}


def write(name, content):
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in content.pop("cases"))
    head = json.dumps(content, separators=(",", ":"))[:-1]
    (FIXTURES / name).write_text(f'{head},\n"cases":[\n{lines}\n]}}\n')


FIXTURES.mkdir(exist_ok=True)
for name, case in CASES.items():
    make_encoder(name, **case)

small = [m.split(" ") for m in (FIXTURES / "small-merges.txt").read_text().splitlines()[1:]]
write("small-tokens.json", tokenized(small, texts())[0])

if len(sys.argv) > 1:
    folder = pathlib.Path(sys.argv[1])
    packed = (folder / "open_clip/bpe_simple_vocab_16e6.txt.gz").read_bytes()
    merges = [m.split(" ") for m in gzip.decompress(packed).decode().split("\n")[1:48895]]
    content, words = tokenized(merges, texts())
    taking_part = [m for m in merges if any("".join(m) in word for word in words)]
    vocab = vocabulary_of(merges)
    wanted = {"".join(m) for m in taking_part} | set(list(vocab)[:512]) | {"<|startoftext|>", "<|endoftext|>"}
    content = {"tokens": {k: v for k, v in vocab.items() if k in wanted}, "merges": taking_part, **content}
    write("openai.json", content)
