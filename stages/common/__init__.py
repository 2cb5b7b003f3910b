"""Code that several stages share; it names no stage."""

from stages.common.stage.logs import join_log

join_log()  # the first import that a worker process makes of a stage runs this
