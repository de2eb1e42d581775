"""From a body to noise-free voxels."""

from readerstudy.phantom.scene.canvas import Canvas
from readerstudy.phantom.scene.compose import compose, compose_skeleton
from readerstudy.phantom.scene.tissue import Contrast

__all__ = ["Canvas", "Contrast", "compose", "compose_skeleton"]
