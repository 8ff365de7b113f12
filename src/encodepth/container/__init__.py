"""The bytes of .rgbd files: numbers of modalities and codings, opaque parameters, payloads.

Nothing here knows what a coding does, so this folder can be ported alone.
"""
