"""What two stages share; knows no stage by name."""

from stages.common.stage.logs import join_log

join_log()  # a worker's first import of a stage comes by here
