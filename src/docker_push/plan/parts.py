"""What a run does that builds one platform of what build.toml says: the images are those of the whole, their builds are not."""

from __future__ import annotations

from dataclasses import replace

from docker_push.plan.model import Action, PlannedImage
from docker_push.references import Platform


def parted(image: PlannedImage, part: Platform | None) -> PlannedImage:
    """Return the image as a run plans it that builds ``part`` alone; as it is for ``None``, and where it is adopted.

    Fingerprint, settings, tags and labels stay those of the whole. An image that is not built for the platform is
    no work of this run.
    """
    if part is None or image.action is Action.ADOPT:
        return image
    if part in image.platforms:
        return replace(image, part=part)
    why = f"it is not built for {part}"
    return replace(image, asked=False, publish=False, action=Action.NONE, why=why)
