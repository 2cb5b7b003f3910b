"""The stages of the pipeline, one package each."""

from stages.common.stage.instructions import share_instructions

share_instructions()  # before anything imports numpy
