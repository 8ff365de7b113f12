"""Weights of the thesis's six rows at reduced width, each with its card; encodepth finds them."""
