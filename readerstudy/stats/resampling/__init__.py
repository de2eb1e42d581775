"""Patient-level resampling: bootstrap, delete-one-patient jackknife and permutation."""
