"""What CLIP ViT-B/32 takes: its picture, its prompt, and how pixels are normalised."""
SIZE = 224
CONTEXT = 77
END = "<|endoftext|>"
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
