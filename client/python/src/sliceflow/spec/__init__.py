"""Builders of job specifications. Everything here is to be had from `sliceflow` itself."""
