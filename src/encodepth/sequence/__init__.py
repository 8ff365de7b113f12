"""Recordings: one file over time, written as a stream and read in any order.

`Writer` takes frames, codes them a group of pictures at a time and writes each group as a chunk;
`Reader` finds the chunk of a frame and decodes no more than that.
"""
