"""Rules of known systems, one file each: the file's name is the preset's."""
