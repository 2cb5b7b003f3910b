"""What two stages share; knows no stage by name."""
