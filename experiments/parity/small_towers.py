"""timm's image towers in small, under the names that open_clip's configurations have."""

import contextlib

import timm
import torch
from timm.layers import HybridEmbed
from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer_hybrid import ConvStem

# What makes each small. Heads and the rest follow from the name, as in the program.
SMALL = {
    "convnext_base": dict(depths=(1, 1, 2, 1), dims=(8, 12, 16, 24)),
    "convnext_xxlarge": dict(depths=(1, 2, 1, 1), dims=(8, 8, 12, 16)),
    "eva02_base_patch16_clip_224": dict(img_size=32, patch_size=8, embed_dim=48, depth=2),
    "eva02_enormous_patch14_clip_224": dict(img_size=28, patch_size=7, embed_dim=32, depth=2, mlp_ratio=2.5),
    "eva_giant_patch14_224": dict(img_size=28, patch_size=14, embed_dim=32, depth=1, mlp_ratio=2.5),
    "vit_pe_core_tiny_patch16_384": dict(img_size=32, patch_size=8, embed_dim=24, depth=2),
    "vit_pe_core_gigantic_patch14_448": dict(img_size=28, patch_size=7, embed_dim=64, depth=1, mlp_ratio=1.5, attn_pool_mlp_ratio=1.0),
    "vit_large_patch14_clip_quickgelu_224": dict(img_size=28, patch_size=14, embed_dim=32, depth=1),
}


def conv_stem_tower(pretrained, drop_path_rate=0.0, **options):
    """MobileCLIP-B's, whose stem is as wide as its name says."""
    stem = ConvStem(channels=(12, 12, 48), stride=(4, 2, 2), kernel_size=(4, 2, 2), padding=0, act_layer=torch.nn.GELU)

    def embed(img_size, embed_dim, **_):
        return HybridEmbed(stem, proj=False, img_size=img_size, embed_dim=embed_dim)

    return VisionTransformer(img_size=48, embed_dim=48, depth=1, num_heads=12, no_embed_class=True, embed_layer=embed, **options)


@contextlib.contextmanager
def small_towers():
    """open_clip makes small towers within."""
    create = timm.create_model

    def small(name, **options):
        if name == "vit_base_mci_224":
            return conv_stem_tower(**options)
        return create(name, **{**options, **SMALL[name]})

    timm.create_model = small
    try:
        yield
    finally:
        timm.create_model = create
