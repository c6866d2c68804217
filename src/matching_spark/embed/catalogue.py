"""Models worth using, which a hub has in the layout that this package reads."""

from dataclasses import dataclass

SOURCE = "immich, docs/features/searching.md: Crossmodal-3600, mean of recall@1, 5 and 10"


# The licences are those of the weights as their makers publish them, which a hub's copy in another
# format does not say: google/siglip2-* and timm/ViT-*-SigLIP* (Apache-2.0), LAION's CLIP-ViT-B-32-
# xlm-roberta-base-laion5B-s13B-b90k (MIT), visheratin/nllb-siglip-mrl-large (CC BY-NC 4.0) and
# OpenAI's CLIP (MIT; its model card: "Any deployed use case of the model - whether commercial or
# not - is currently out of scope").
APACHE = "Apache-2.0"


@dataclass(frozen=True)
class Known:
    """A model that a hub has in our layout. Recalls in %; time of one photo on a 7800X3D.

    limits: what its licence or its makers' card keeps it from; '': nothing of note.
    """

    name: str
    dimension: int
    memory_mib: int
    photo_ms: float
    korean: float | None
    english: float
    licence: str = APACHE
    limits: str = ""


# The best for Korean first.
KNOWN = (
    Known(
        *("immich-app/nllb-clip-large-siglip__mrl", 1152, 4248, 75.44, 77.21, 72.37),
        *("CC-BY-NC-4.0", "not for commercial use"),
    ),
    Known("immich-app/ViT-SO400M-16-SigLIP2-384__webli", 1152, 3854, 56.57, 75.06, 75.09),
    Known("immich-app/ViT-L-16-SigLIP2-256__webli", 1024, 2830, 23.77, 71.73, 74.26),
    Known("immich-app/ViT-B-16-SigLIP2__webli", 768, 3038, 5.81, 70.25, 75.19),
    # The light one with Korean under Apache-2.0; `models quantize` makes it a quarter of its bytes.
    Known("immich-app/ViT-B-32-SigLIP2-256__webli", 768, 3061, 3.31, 67.54, 73.15),
    Known("immich-app/ViT-B-16-SigLIP-i18n-256__webli", 768, 3029, 6.87, 67.37, 69.38),
    Known(
        *("immich-app/XLM-Roberta-Base-ViT-B-32__laion5b_s13b_b90k", 512, 3030, 3.2, 65.44, 68.33),
        "MIT",
    ),
    Known("immich-app/ViT-B-16-SigLIP__webli", 768, 1081, 5.77, None, 71.64),
    Known(
        *("immich-app/ViT-B-32__openai", 512, 1004, 2.26, None, 59.37),
        *("MIT", "its makers advise against any deployed use"),
    ),
)
