"""Write tiny.safetensors and tiny-restore.safetensors: networks with random weights, with graphs.

They let tests run the light runtime where there is no torch. Run again only if a family changes.
"""

from __future__ import annotations

from pathlib import Path

import torch

from encodepth.networks.config import TINY_COLOR
from encodepth.networks.export import draw_graphs
from encodepth.networks.plane import PlaneModel
from encodepth.networks.restorer import RestorerConfig, RestorerNet
from encodepth.networks.restorer_weights import save_restorer
from encodepth.networks.weights import save_weights

HERE = Path(__file__).parent


def main() -> None:
    torch.manual_seed(4)
    color = PlaneModel(TINY_COLOR)
    config = RestorerConfig((8, 8, 8), (1, 1, 1, 1, 1))
    restorer = RestorerNet(config)
    for network in (color, restorer):
        for parameter in network.parameters():
            if not parameter.any():  # what starts at zero would hide a fault
                torch.nn.init.normal_(parameter, std=0.02)
    for index in (color.context.y_index, color.context.z_index):
        torch.nn.init.uniform_(index, 5, 50)  # many tables
    save_weights(HERE / "tiny.safetensors", color)
    save_restorer(HERE / "tiny-restore.safetensors", config, restorer)
    for path in HERE.glob("*.safetensors"):
        draw_graphs(path)


if __name__ == "__main__":
    main()
