"""The sections of the page of measurements: one file each, with HEADING, WORDS and `section`."""
