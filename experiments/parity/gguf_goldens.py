"""Greedy answers and token ids of a GGUF language model by transformers, which the tests compare with.

    python gguf_goldens.py FOLDER FILE.gguf "LLM prompt" ...

Needs torch, transformers and gguf. The weights are dequantised to f32, so a long answer may come to differ from that of a
program that multiplies quantised ones; the first words do not.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TOKENS = 16


def main():
    folder, file, prompts = sys.argv[1], sys.argv[2], sys.argv[3:]
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    goldens = []
    for prompt in prompts:
        if tokenizer.chat_template:
            messages = [{"role": "user", "content": prompt}]
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        else:
            text = (tokenizer.bos_token or "") + prompt
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
        with torch.no_grad():
            out = model.generate(ids, max_new_tokens=TOKENS, do_sample=False)
        answer = tokenizer.decode(out[0, ids.shape[1]:], skip_special_tokens=True)
        goldens.append({"llm_prompt": prompt, "ids": ids[0].tolist(), "answer": answer})
    print(json.dumps({"file": file, "goldens": goldens}, indent=1, ensure_ascii=False))


main()
