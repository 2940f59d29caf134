"""A tiny random Gemma 3 as a GGUF file, and the logits that transformers has for some tokens.

    python experiments/parity/gemma3_golden.py tests/fixtures/gguf

Needs torch, transformers and gguf. The window of the sliding layers is shorter than the tokens, there is a layer that
sees all of them, and the far layer's positions are scaled: what the sizes of Gemma 3 differ in.
"""

import json
import sys
from pathlib import Path

import gguf
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

TOKENS = [2, 17, 5, 33, 8, 8, 21, 40, 1, 12, 30, 3]
NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=48, hidden_size=16, intermediate_size=32, num_hidden_layers=7, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, query_pre_attn_scalar=8, sliding_window=4, max_position_embeddings=64,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1_000_000.0},
        },
    )
    model = Gemma3ForCausalLM(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    with torch.no_grad():
        logits = model(torch.tensor([TOKENS])).logits[0]

    writer = gguf.GGUFWriter(str(out / "tiny-gemma3.gguf"), "gemma3")
    writer.add_context_length(64)
    writer.add_embedding_length(16)
    writer.add_block_count(7)
    writer.add_feed_forward_length(32)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_key_length(8)
    writer.add_value_length(8)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(8.0)
    writer.add_sliding_window(4)
    state = model.state_dict()
    for layer in range(7):
        for name, known in NAMES.items():
            weight = state[f"model.layers.{layer}.{name}.weight"]
            # The file has 1 added to the weights of norms, which the model adds when it computes.
            weight = weight + 1 if "norm" in name else weight
            writer.add_tensor(f"blk.{layer}.{known}.weight", weight.numpy())
    writer.add_tensor("token_embd.weight", state["model.embed_tokens.weight"].numpy())
    writer.add_tensor("output_norm.weight", (state["model.norm.weight"] + 1).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    golden = {"tokens": TOKENS, "logits": [[round(value, 6) for value in row] for row in logits.tolist()]}
    (out / "tiny-gemma3.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
