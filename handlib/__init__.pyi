from . import show as show
from .data.photo import read_picture as read_picture
from .data.sample import Sample as Sample
from .data.shipped import load_samples as load_samples
from .evaluation.evaluate import evaluate as evaluate
from .hand.hand import Hand as Hand
from .model.config import DIRConfig as DIRConfig
from .model.network import DIR as DIR
from .photos.reconstruct import reconstruct as reconstruct
from .training.loop import train as train
from .utils.resources import models as models

__version__: str
