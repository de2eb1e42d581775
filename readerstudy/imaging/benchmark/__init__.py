"""Measuring the gateway against Orthanc and plain nginx, on one machine, with the same bytes."""
