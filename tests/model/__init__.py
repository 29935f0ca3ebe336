"""The services under random histories: crash, delay, repetition and reordering as steps (L0)."""
