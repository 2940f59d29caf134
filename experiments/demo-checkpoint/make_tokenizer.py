"""Trains the demo checkpoint's tokenizer: a small byte-level BPE in CLIP's form.

Lower-cased, white space collapsed, split by CLIP's expression, "</w>" at the
end of words. It learns from the captions and from english.txt; the evaluated
sentences are not among its training text. All 256 bytes, with and without
"</w>", are in the vocabulary, so that any text can be encoded.

    python make_tokenizer.py --out ../../data/demo/checkpoint
"""
import argparse
import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

import captions

HERE = Path(__file__).resolve().parent
START, END = "<|startoftext|>", "<|endoftext|>"
SPLIT = (r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d"
         r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
SIZE = 3072


def skeleton(model):
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def byte_symbols():
    """The 256 byte symbols in CLIP's order: printable ones first."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + k) for k in range(len(rest))]


def train(texts, size):
    learner = skeleton(models.BPE(end_of_word_suffix="</w>"))
    trainer = trainers.BpeTrainer(vocab_size=size + 300, min_frequency=2, end_of_word_suffix="</w>",
                                  initial_alphabet=byte_symbols(), show_progress=False)
    learner.train_from_iterator(texts, trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    symbols = byte_symbols()
    vocabulary = symbols + [s + "</w>" for s in symbols]
    known, merges = set(vocabulary), []
    for left, right in learned:
        if len(vocabulary) == size - 2:
            break
        if left in known and right in known:
            merges.append((left, right))
            joined = left + right
            if joined not in known:
                known.add(joined)
                vocabulary.append(joined)
    numbers = {token: k for k, token in enumerate(vocabulary)}
    start, end = len(vocabulary), len(vocabulary) + 1
    numbers[START], numbers[END] = start, end
    tokenizer = skeleton(models.BPE(vocab=numbers, merges=merges, unk_token=END, continuing_subword_prefix="",
                                    end_of_word_suffix="</w>"))
    tokenizer.add_special_tokens([START, END])
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, end), (START, start), trim_offsets=False, add_prefix_space=False)
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "../../data/demo/checkpoint")
    args = parser.parse_args()
    pool = captions.build_pool(2000, 7, captions.evaluated_sentences())
    english = (HERE / "english.txt").read_text().splitlines()
    texts = [t for texts in pool.values() for t in texts] + english * 20
    tokenizer = train(texts, SIZE)
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.out / "tokenizer.json"), pretty=False)
    settings = {"backend": "tokenizers", "bos_token": START, "eos_token": END, "model_max_length": 77,
                "pad_token": END, "tokenizer_class": "CLIPTokenizer", "unk_token": END}
    (args.out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    print(tokenizer.get_vocab_size(), "tokens")
    for text in ["A frog has bulging eyes.", "a photo of a ship, a deer", "Zürich 漢字 🙂 can't naïve"]:
        coded = tokenizer.encode(text)
        print(coded.tokens, tokenizer.decode(coded.ids))


if __name__ == "__main__":
    main()
