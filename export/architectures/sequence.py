"""Networks that judge several crops of one face, oldest first: a crop network, then one over time.

Heads: `gru` and `lstm` as the known systems have them, over what the backbone pools, and `light`,
our own, over embedding and logit.
"""

from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from export.crop_net import EMBEDDING_SIZE, CropNet


def _nothing_yet(inputs: Tensor, width: int) -> Tensor:
    """The state before the first step, (1, N, width).

    Made from the inputs: zeros of a shape would be exported with this batch's N.
    """
    return (inputs[:, 0, :1] * 0).expand(-1, width).unsqueeze(0).contiguous()


class GruHead(nn.Module):
    """GRU of 16, GRU of 8, dropout .4, 8 units, as in the Keras pairs InceptionV3 / B2 + GRU."""

    frames: ClassVar[int] = 25

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = nn.GRU(features, 16, batch_first=True)
        self.second = nn.GRU(16, 8, batch_first=True)
        self.judge = nn.Sequential(nn.Dropout(0.4), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, pooled: Tensor) -> Tensor:
        """(N, T, F) to (N, 1)."""
        steps, _ = self.first(pooled, _nothing_yet(pooled, 16))
        steps, _ = self.second(steps, _nothing_yet(pooled, 8))
        return cast("Tensor", self.judge(steps[:, -1]))


class LstmHead(nn.Module):
    """One LSTM layer and the mean over time, as in ResNeXt50 + LSTM; the width is the features'."""

    frames: ClassVar[int] = 20

    def __init__(self, features: int) -> None:
        super().__init__()
        self.steps = nn.LSTM(features, features, batch_first=True)
        self.judge = nn.Sequential(nn.Dropout(0.4), nn.Linear(features, 1))

    def forward(self, pooled: Tensor) -> Tensor:
        """(N, T, F) to (N, 1)."""
        before = _nothing_yet(pooled, self.steps.hidden_size)
        steps, _ = self.steps(pooled, (before, before))
        return cast("Tensor", self.judge(steps.mean(1)))


class LightHead(nn.Module):
    """A GRU of 64 over embedding, logit and how much the face changed since the last look.

    What it adds to the mean of the logits is all it says: untrained it is that mean.
    """

    frames: ClassVar[int] = 16

    def __init__(self, _features: int) -> None:
        super().__init__()
        self.narrow = nn.Sequential(nn.Linear(EMBEDDING_SIZE + 2, 64), nn.ReLU())
        self.steps = nn.GRU(64, 64, batch_first=True)
        self.attend = nn.Linear(64, 1)
        self.judge = nn.Sequential(nn.Dropout(0.3), nn.Linear(128, 1))
        last = cast("nn.Linear", self.judge[1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, embeddings: Tensor, logits: Tensor) -> Tensor:
        """(N, T, 128) of unit length and (N, T, 1) to (N, 1)."""
        before = torch.cat([embeddings[:, :1], embeddings[:, :-1]], 1)
        change = 1 - (embeddings * before).sum(2, keepdim=True)
        narrow = self.narrow(torch.cat([embeddings, logits, change], 2))
        steps, _ = self.steps(narrow, _nothing_yet(narrow, 64))
        weights = self.attend(steps).softmax(1)
        seen = torch.cat([(weights * steps).sum(1), steps[:, -1]], 1)
        return cast("Tensor", logits.mean(1) + self.judge(seen))


HEADS: dict[str, type[GruHead | LstmHead | LightHead]] = {
    "gru": GruHead,
    "lstm": LstmHead,
    "light": LightHead,
}


class SequenceNet(nn.Module):
    """A crop network at every step and a head over the steps."""

    def __init__(self, backbone: CropNet, head: str) -> None:
        super().__init__()
        self.backbone = backbone
        self.over_time = HEADS[head](backbone.head.in_features)
        if not isinstance(self.over_time, LightHead):
            # The head of the single crop has no say, and a step would find no gradient for it.
            backbone.head.requires_grad_(requires_grad=False)

    def forward(self, clips: Tensor) -> Tensor:
        """(N, T, H, W, 3) uint8 BGR to raw logits (N,), 1 = fake."""
        backbone = self.backbone
        pooled = backbone.pool(backbone.features(clips.flatten(0, 1)))

        def by_clip(rows: Tensor) -> Tensor:
            return rows.reshape(-1, clips.shape[1], rows.shape[1])

        if isinstance(self.over_time, LightHead):
            logits = backbone.head(pooled)
            judged = self.over_time(by_clip(backbone.embed(pooled)), by_clip(logits))
        else:
            judged = self.over_time(by_clip(pooled))
        return cast("Tensor", judged).squeeze(1)


class ServedSequence(nn.Module):
    """What is exported of a sequence network."""

    outputs = ("logit",)

    def __init__(self, net: SequenceNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, clips: Tensor) -> tuple[Tensor, ...]:
        """Logit (N, 1)."""
        return (self.net(clips).unsqueeze(1),)
