"""Readers: one file format each, from bytes on disk to blocks of samples. Used through `trophic.runtime.sources`."""
