"""Files that shape a run and may come from somebody else: parameters, protocols, test sets, labels and models."""

import io
import json
import tarfile

import h5py
import numpy as np
import pytest
import torch
from conftest import ROOT
from hostile import TEXTS, as_json, damaged, deep, nearly, objects, tables, texts, values, written
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from ruamel.yaml import YAML
from safetensors.torch import save

from stages.common.data.tars import shard_samples
from stages.common.evalsets.loaders import LOADERS
from stages.common.evalsets.protocol import Evalset, load_protocol, read_evalset
from stages.common.models.checkpoint import learned_activation, read_tensors
from stages.common.stage.params import load_all_params
from stages.frame_filter.labels import read_labels
from stages.lexicon.vocabularies import umls
from stages.magnification.tissue import read_tissue
from stages.quiltnet.checkpoints import Checkpoints
