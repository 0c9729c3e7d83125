"""How a model's files get onto the device."""
