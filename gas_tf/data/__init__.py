"""Image data sets: found or downloaded, checked, enlarged to 32x32, normalised."""
