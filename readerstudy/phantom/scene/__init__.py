"""From a body to noise-free voxels."""

from readerstudy.phantom.scene.canvas import Canvas
from readerstudy.phantom.scene.compose import compose
from readerstudy.phantom.scene.tissue import Contrast

__all__ = ["Canvas", "Contrast", "compose"]
